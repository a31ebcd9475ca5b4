"""What makes two sources, and two builds, equal."""

import hashlib
import json
from collections.abc import Mapping

from drafterd.domain.model import FixRecord


def content_of(record: FixRecord) -> str:
    """What a fixed source holds; a file that was only touched changes nothing."""
    return f"{record.digest}:{record.environment_digest}"


def build_key(
    record: FixRecord, *, base_path: str, node: str, public: Mapping[str, str], settings: Mapping[str, str]
) -> str | None:
    """The key of what a fixed source should become, or None if it cannot be built.

    Two builds with the same key would make the same release.

    Args:
        base_path: The prefix it is built for.
        node: The version of Node that builds it.
        public: Operator's values that the build writes into pages (`NEXT_PUBLIC_*`, `VITE_*`, ...).
        settings: Configuration that changes a build's outcome.

    Ports are no part of it: another port never rebuilds.
    """
    if record.recipe is None:
        return None
    facts = {
        "source": record.digest,
        "environment": record.environment_digest,
        "fixes": record.fix_version,
        "kind": record.recipe.kind,
        "base": base_path,
        "node": node,
        "public": dict(sorted(public.items())),
        "settings": dict(sorted(settings.items())),
    }
    return hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=16).hexdigest()
