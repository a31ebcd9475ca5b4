"""The record of what was published: whose, which files, and what was in them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from drafterd.publishing.site import PublishFailed

RECORD_MAX = 64_000_000
_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What lies at a place by our hand.

    Attributes:
        files: By name the hash of what was written, or "": begun, and maybe not ended.
    """

    draft: str
    release: str
    files: Mapping[str, str] = field(default_factory=dict)

    def text(self) -> bytes:
        """As it is stored."""
        facts = {"version": _VERSION, "draft": self.draft, "release": self.release, "files": dict(self.files)}
        return json.dumps(facts, indent=1, sort_keys=True).encode() + b"\n"


def parse(text: bytes, where: str) -> Record:
    """The record in a text. Raises `PublishFailed` for what is none."""
    try:
        facts = json.loads(text)
        if facts["version"] != _VERSION:
            raise PublishFailed(f"{where} was made by another version of drafterd", hint="publish to an empty place")
        files = {str(name): str(digest) for name, digest in facts["files"].items()}
        return Record(draft=str(facts["draft"]), release=str(facts["release"]), files=files)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PublishFailed(f"{where} cannot be read", hint="empty the place, then publish again") from error


def owned(found: Record | None, draft: str, where: str, *, empty: bool) -> Record:
    """The record to go on from. Raises `PublishFailed` for a place that is not this draft's."""
    if found is None and not empty:
        raise PublishFailed(
            f"{where} holds files that drafterd did not put there", hint="name an empty place, or one of its own"
        )
    if found is not None and found.draft != draft:
        raise PublishFailed(f"{where} holds the draft {found.draft}", hint="name another place, or empty this one")
    return found or Record(draft=draft, release="")
