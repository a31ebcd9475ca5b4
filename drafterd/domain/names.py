"""Identifiers and their parsers: the only place where a raw string becomes an id.

Apart, because an id is what reaches paths, proxy rules and program names: whoever holds a
`DraftId` may put it there unescaped, and nobody else may.
"""

import re
from typing import NewType

from drafterd.domain.errors import BadName

DraftId = NewType("DraftId", str)
"""A folder's name that is safe as path segment, router name and program name."""

ReleaseId = NewType("ReleaseId", str)
"""`r<n>`, counting up per draft."""

InstanceId = NewType("InstanceId", str)
"""`<draft>.<release>`: the dot is in no draft id, so the two halves cannot be confused."""

MAX_LENGTH = 63
RESERVED = frozenset({"_drafterd", "_next", "api", "static", "health", "metrics", "status"})

_DRAFT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,62}", re.ASCII)
_RELEASE = re.compile(r"r[1-9][0-9]{0,8}", re.ASCII)
_LABEL_LENGTH = 46
_LOOKS_MENDED = re.compile(r"(^|-)[0-9a-f]{16}$")
"""An id that ends like a mended label gets a hash too, or it could claim a neighbour's host."""
_HASH_LENGTH = 16
"""Fewer, and who may drop drafts could search for a name that has a neighbour's host."""
_SHOWN = 40


def parse_draft_id(name: str) -> DraftId:
    """Return `name` as an id, or raise `BadName` that says why not and suggests another."""
    if name in RESERVED:
        raise BadName(f"the name {name!r} is reserved", hint=f"rename the folder, e.g. {name}-1")
    if _DRAFT.fullmatch(name):
        return DraftId(name)
    raise BadName(f"the folder name {_shown(name)} cannot be used: {_why_not(name)}", hint=_suggest(name))


def _shown(name: str) -> str:
    text = ascii(name)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _why_not(name: str) -> str:
    if not name:
        return "it is empty"
    if len(name) > MAX_LENGTH:
        return f"it has {len(name)} characters, at most {MAX_LENGTH} are allowed"
    if name.startswith("-"):
        return "it begins with '-'"
    return "only the letters A-Z and a-z, digits, '_' and '-' are allowed"


def _suggest(name: str) -> str:
    mended = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-")[:MAX_LENGTH]
    if not _DRAFT.fullmatch(mended) or mended in RESERVED:
        mended = "my-draft"
    return f"rename the folder, e.g. {mended}"


def parse_release_id(text: str) -> ReleaseId:
    """Return `text` as a release id, or raise `BadName`."""
    if not _RELEASE.fullmatch(text):
        raise BadName(f"{_shown(text)} is no release", hint="releases are named r1, r2, ...")
    return ReleaseId(text)


def release_id(number: int) -> ReleaseId:
    """The id of the release that build `number` makes: both count together, per draft."""
    return ReleaseId(f"r{number}")


def release_number(release: ReleaseId) -> int:
    """The counting part of a release id: a higher one is newer."""
    return int(release[1:])


def instance_id(draft: DraftId, release: ReleaseId) -> InstanceId:
    """The one name of the process that runs `release` of `draft`."""
    return InstanceId(f"{draft}.{release}")


def parse_instance_id(text: str) -> tuple[DraftId, ReleaseId]:
    """Split an instance's name into its draft and release, or raise `BadName`."""
    draft, _, release = text.rpartition(".")
    return parse_draft_id(draft), parse_release_id(release)


def host_label(draft: DraftId, fingerprint: str) -> str:
    """The DNS label of a draft: its id where that is a label, else a mended one plus a hash.

    `fingerprint` is a hexadecimal hash of the id; its first characters keep two ids apart that
    differ only in what a label cannot show (case, `_`, length).
    """
    label = draft.lower().replace("_", "-").strip("-")[:_LABEL_LENGTH].rstrip("-")
    if label == draft and not _LOOKS_MENDED.search(label):
        return label
    return f"{label}-{fingerprint[:_HASH_LENGTH]}".lstrip("-")
