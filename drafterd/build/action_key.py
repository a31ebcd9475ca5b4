"""The key that Next.js seals server actions with: one for each draft, for as long as it is there.

Without it a build makes one of its own, and a page that was loaded before an update calls actions that the
server does not know any more. Next.js 15 and later read it when they build, for the names of the actions
too, and prefer it when they run; 14 reads it only when it runs. So both get it. A value of the author's own
is left alone.

The key is in no release. What a release was built with is told by a mark in its environment: another key
at run would break what was sealed when it was built.
"""

import base64
import hashlib
import os
from collections.abc import Mapping

import structlog

from drafterd import files
from drafterd.domain.model import BuildOrder, Kind, Release
from drafterd.domain.names import DraftId
from drafterd.layout import Layout

NAME = "NEXT_SERVER_ACTIONS_ENCRYPTION_KEY"
MARK = "DRAFTERD_ACTION_KEY"
"""In a release's environment: a hash of the key that it was built with."""

_BYTES = 32
_TEXT_MAX = 100

_log = structlog.get_logger(__name__)


def for_build(layout: Layout, order: BuildOrder) -> dict[str, str]:
    """The variable for a build; made at the first one. Nothing for other kinds, or where the author has one.

    Raises:
        OSError: The key cannot be kept.
    """
    if order.recipe.kind is not Kind.NEXT or order.environment.get(NAME):
        return {}
    return {NAME: _kept(layout, order.draft) or _made(layout, order.draft)}


def mark(given: Mapping[str, str]) -> dict[str, str]:
    """What a release's environment gets, of what `for_build` gave."""
    return {MARK: _hash(given[NAME])} if NAME in given else {}


def for_server(layout: Layout, release: Release) -> dict[str, str]:
    """The variable for a server of a release that was built with the key; else nothing."""
    wanted = release.environment.get(MARK)
    key = _kept(layout, release.draft) if wanted else ""
    if key and _hash(key) != wanted:
        _log.warning("action-key.other", draft=release.draft, release=release.id, reason="it was built with another")
    return {NAME: key} if key and _hash(key) == wanted else {}


def _kept(layout: Layout, draft: DraftId) -> str:
    """The draft's key; "" when there is none that can be used."""
    try:
        text = files.read_regular(layout.action_key(draft), limit=_TEXT_MAX).decode("ascii").strip()
        return text if len(base64.b64decode(text, validate=True)) == _BYTES else ""
    except (OSError, ValueError):
        return ""


def _made(layout: Layout, draft: DraftId) -> str:
    key = base64.b64encode(os.urandom(_BYTES)).decode()
    layout.draft(draft).mkdir(parents=True, exist_ok=True)
    files.write_atomic(layout.action_key(draft), f"{key}\n".encode(), mode=0o600)
    return key


def _hash(key: str) -> str:
    return hashlib.blake2b(key.encode(), digest_size=8).hexdigest()
