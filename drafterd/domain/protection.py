"""Who may visit a protected draft: hashed passwords, and signatures that admit for a time.

Pure: keys, salts and the time are handed in. A signature is bound to what it is for (a session or a
link), to one draft and to its end, so that none can be used as another.
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field
from enum import StrEnum

from drafterd.domain.names import DraftId

KEY_BYTES = 32
SALT_BYTES = 16
PASSWORD_MIN = 8
PASSWORD_MAX = 200
"""Characters."""

_SCHEME = "scrypt"
_COST, _BLOCK, _PARALLEL = 14, 8, 5
"""16 MB and a fifth of a second: what OWASP's list of 2024 asks of scrypt where memory is scarce."""
_COSTS = range(10, 19)
_MEMORY = 512 << 20
_HASH_BYTES = 32
_END_DIGITS = 11
_VERSION = "1"


class Purpose(StrEnum):
    """What a signature is for."""

    SESSION = "session"
    """the cookie of a visitor who was let in"""
    SHARE = "share"
    """a link that lets in"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """What lets visitors into one draft.

    Attributes:
        key: Signs sessions and links; another one ends all of them.
        password: The password's hash, or "": only links let in.
    """

    key: bytes = field(repr=False)
    password: str = field(default="", repr=False)


def hash_password(password: str, salt: bytes) -> str:
    """What is kept of a password: `scrypt$14$8$5$<salt>$<hash>`. Takes a fifth of a second."""
    found = _scrypt(password, salt, _COST, _BLOCK, _PARALLEL)
    return f"{_SCHEME}${_COST}${_BLOCK}${_PARALLEL}${_text(salt)}${_text(found)}"


def is_hash(text: str) -> bool:
    """Whether a text is a hash of the form that `hash_password` makes, with costs that we would pay."""
    return _parsed(text) is not None


def matches(password: str, hashed: str) -> bool:
    """Whether a password is the one of the hash; never for "". Takes a fifth of a second."""
    parsed = _parsed(hashed)
    if parsed is None or len(password) > PASSWORD_MAX:
        return False
    (cost, block, parallel), salt, known = parsed
    return hmac.compare_digest(_scrypt(password, salt, cost, block, parallel), known)


def signed(protection: Protection, purpose: Purpose, draft: DraftId, ends: int) -> str:
    """A text that admits to the draft until `ends`."""
    return f"{ends}.{_signature(protection, purpose, draft, ends)}"


def end_of(protection: Protection, purpose: Purpose, draft: DraftId, value: str, now: float) -> int | None:
    """When what `signed` made ends, or None: it is not for this, it has ended, or nobody signed it."""
    ends, _, signature = value.partition(".")
    if not (ends.isascii() and ends.isdigit()) or len(ends) > _END_DIGITS or int(ends) <= now:
        return None
    known = _signature(protection, purpose, draft, int(ends))
    return int(ends) if hmac.compare_digest(signature.encode(errors="replace"), known.encode()) else None


def _signature(protection: Protection, purpose: Purpose, draft: DraftId, ends: int) -> str:
    # A session knows the password it was made under: another one ends it. Links are ended by the key.
    password = protection.password if purpose is Purpose.SESSION else ""
    words = "\n".join((_VERSION, purpose, draft, str(ends), password))
    return _text(hmac.new(protection.key, words.encode(), hashlib.sha256).digest())


def _scrypt(password: str, salt: bytes, cost: int, block: int, parallel: int) -> bytes:
    return hashlib.scrypt(
        password.encode(errors="surrogateescape"),
        salt=salt,
        n=1 << cost,
        r=block,
        p=parallel,
        maxmem=_MEMORY,
        dklen=_HASH_BYTES,
    )


def _parsed(text: str) -> tuple[tuple[int, int, int], bytes, bytes] | None:
    """Costs, salt and hash; None for what is none, or would keep us busy for long."""
    words = text.split("$")
    if len(words) != len(("scheme", "cost", "block", "parallel", "salt", "hash")) or words[0] != _SCHEME:
        return None
    if not all(word.isascii() and word.isdigit() and len(word) <= len("18") for word in words[1:4]):
        return None
    cost, block, parallel = (int(word) for word in words[1:4])
    try:
        salt, known = (base64.urlsafe_b64decode(word + "=" * (-len(word) % 4)) for word in words[4:])
    except (binascii.Error, ValueError):
        return None
    fits = cost in _COSTS and block == _BLOCK and 1 <= parallel <= _COSTS.stop and salt and len(known) == _HASH_BYTES
    return ((cost, block, parallel), salt, known) if fits else None


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
