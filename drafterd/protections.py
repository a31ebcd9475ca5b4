"""Keeps which drafts are protected: a small file for each, readable by the daemon's user alone.

Not in the ledger, and not among what is made of a draft: losing either must not open a draft. What
cannot be read keeps its draft shut.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog

from drafterd.domain.errors import BadName, ConfigError, WrongState
from drafterd.domain.names import DraftId, parse_draft_id
from drafterd.domain.protection import KEY_BYTES, SALT_BYTES, Protection, hash_password, is_hash
from drafterd.files import read_regular, swept, write_atomic

_SIZE_MAX = 4096
_SUFFIX = ".json"
_NAMED_IN = "the configuration (drafts_config.{draft}.access)"

_log = structlog.get_logger(__name__)


class Protections:
    """The protections of one installation. The daemon alone writes them.

    Args:
        folder: A file per draft, `<id>.json`, 0600; made when it is needed.
        configured: What the configuration protects: by draft the hash of a password, or "" for links only.
        passwords: What it protects with a password that stands in a file of the operator's.

    Raises:
        ConfigError: The folder cannot be read.
    """

    def __init__(
        self, folder: Path, *, configured: Mapping[str, str] | None = None, passwords: Mapping[str, str] | None = None
    ) -> None:
        self._folder = folder
        self._keys, self._kept = _read_all(folder)
        self._configured: dict[DraftId, Protection] = {}
        for name, hashed in (configured or {}).items():
            draft = parse_draft_id(name)
            self._configured[draft] = Protection(key=self._key(draft), password=hashed)
        for name, password in (passwords or {}).items():
            draft = parse_draft_id(name)
            key = self._key(draft)
            # The same salt at every start: a restart must not end the sessions.
            salt = hashlib.blake2b(b"password", key=key, digest_size=SALT_BYTES).digest()
            self._configured[draft] = Protection(key=key, password=hash_password(password, salt))

    def get(self, draft: DraftId) -> Protection | None:
        """What lets visitors into a draft, or None: everybody may visit it."""
        return self._configured.get(draft) or self._kept.get(draft)

    def is_configured(self, draft: DraftId) -> bool:
        """Whether the configuration protects it."""
        return draft in self._configured

    def protect(self, draft: DraftId, password: str) -> None:
        """Protect a draft from now on; `password` is a hash, or "": only links let in. Links live on.

        Raises:
            WrongState: The configuration protects it.
            OSError: It cannot be kept; nothing has changed then.
        """
        self._refuse_configured(draft)
        protection = Protection(key=self._keys.get(draft) or os.urandom(KEY_BYTES), password=password)
        self._write(draft, protection.key, password, protected=True)
        self._kept[draft] = protection

    def renew(self, draft: DraftId) -> None:
        """Give a protected draft another key: all its links and sessions end. Raises OSError."""
        protection = self.get(draft)
        if protection is None:
            return
        fresh = Protection(key=os.urandom(KEY_BYTES), password=protection.password)
        configured = draft in self._configured
        self._write(draft, fresh.key, "" if configured else fresh.password, protected=not configured)
        (self._configured if configured else self._kept)[draft] = fresh

    def lift(self, draft: DraftId) -> None:
        """Let everybody visit a draft again. Raises `WrongState` where the configuration protects it."""
        self._refuse_configured(draft)
        self._file(draft).unlink(missing_ok=True)
        self._kept.pop(draft, None)
        self._keys.pop(draft, None)

    def _refuse_configured(self, draft: DraftId) -> None:
        if draft in self._configured:
            raise WrongState(
                f"{draft} is protected by {_NAMED_IN.format(draft=draft)}", hint="change it there and restart drafterd"
            )

    def _key(self, draft: DraftId) -> bytes:
        """The kept key of a draft that the configuration protects; made at the first call."""
        if draft not in self._keys:
            try:
                self._write(draft, os.urandom(KEY_BYTES), "", protected=False)
            except OSError as error:
                raise ConfigError(f"{self._folder}: cannot be written: {error.strerror}") from error
        return self._keys[draft]

    def _write(self, draft: DraftId, key: bytes, password: str, *, protected: bool) -> None:
        """`protected`: by this file, not by the configuration, which may protect it no longer one day."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        facts = {"version": 1, "protected": protected, "key": key.hex(), "password": password}
        write_atomic(self._file(draft), json.dumps(facts).encode() + b"\n", mode=0o600)
        self._keys[draft] = key

    def _file(self, draft: DraftId) -> Path:
        return self._folder / f"{draft}{_SUFFIX}"


def _read_all(folder: Path) -> tuple[dict[DraftId, bytes], dict[DraftId, Protection]]:
    """The keys, and what the files protect."""
    try:
        for left in swept(folder):
            _log.info("temporary.removed", path=str(left))
        names = [entry.name for entry in folder.iterdir()] if folder.exists() else []
    except OSError as error:
        raise ConfigError(
            f"{folder}: cannot be read: {error.strerror}", hint="it says which drafts are protected; mend its rights"
        ) from error
    keys, kept = {}, {}
    for name in names:
        try:
            draft = parse_draft_id(name.removesuffix(_SUFFIX))
        except BadName:
            continue  # none of ours
        protection, protected = _read(folder / name)
        keys[draft] = protection.key
        if protected:
            kept[draft] = protection
    return keys, kept


def _read(path: Path) -> tuple[Protection, bool]:
    """What a file says, and whether it protects; where it says nothing that we know, what lets nobody in."""
    try:
        return _parse(json.loads(read_regular(path, limit=_SIZE_MAX)))
    except (OSError, ValueError, KeyError, TypeError) as error:
        _log.error("protection.unreadable", path=str(path), reason=type(error).__name__)
        return Protection(key=os.urandom(KEY_BYTES)), True


def _parse(facts: Mapping[str, Any]) -> tuple[Protection, bool]:
    key, password = bytes.fromhex(facts["key"]), str(facts["password"])
    if len(key) != KEY_BYTES or (password and not is_hash(password)):
        raise ValueError("neither a key nor a hash of ours")
    return Protection(key=key, password=password), facts["protected"] is not False
