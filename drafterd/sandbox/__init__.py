"""The walls around a draft's processes, builds and running instances alike.

A backend is a class in `SANDBOXES`; the configuration's word chooses one.
"""

from collections.abc import Callable, Mapping

from drafterd.domain.errors import ConfigError
from drafterd.domain.interfaces import Sandbox
from drafterd.sandbox.plain import PlainSandbox

SANDBOXES: Mapping[str, Callable[[], Sandbox]] = {"plain": PlainSandbox}
"""What each word of the configuration makes."""

AUTO = "auto"
"""The word for the strongest sandbox that works on this machine."""

_STRONGEST_FIRST = ("plain",)


def choose(word: str) -> Sandbox:
    """The sandbox that the configuration's word names.

    Raises:
        ConfigError: There is no sandbox of that name.
    """
    name = _STRONGEST_FIRST[0] if word == AUTO else word
    if name not in SANDBOXES:
        known = ", ".join([AUTO, *SANDBOXES])
        raise ConfigError(f"there is no sandbox {word!r}", hint=f"use one of: {known}")
    return SANDBOXES[name]()
