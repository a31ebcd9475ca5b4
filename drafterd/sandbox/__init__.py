"""The walls around a draft's processes, builds and running instances alike.

A backend is a function in `SANDBOXES`; the configuration's word chooses one.
"""

from collections.abc import Callable, Mapping

from drafterd.domain.errors import ConfigError
from drafterd.domain.interfaces import Sandbox
from drafterd.sandbox.bubblewrap import BubblewrapSandbox
from drafterd.sandbox.places import Places
from drafterd.sandbox.plain import PlainSandbox
from drafterd.sandbox.probe import strongest

AUTO = "auto"
"""The word for the strongest sandbox that works on this machine."""


def _bubblewrap(places: Places) -> Sandbox:
    found = strongest()
    if found.machine is None:
        raise ConfigError(
            found.reason,
            hint="make it work (`drafterd doctor` looks again), or set the sandbox to `auto` and do without walls",
        )
    return BubblewrapSandbox(places, found.machine)


def _plain(_places: Places) -> Sandbox:
    return PlainSandbox()


def _auto(places: Places) -> Sandbox:
    """The walls if they can be had, else none, and why."""
    try:
        return _bubblewrap(places)
    except ConfigError as error:
        return PlainSandbox(error.summary)


SANDBOXES: Mapping[str, Callable[[Places], Sandbox]] = {"bubblewrap": _bubblewrap, "plain": _plain}
"""What each word of the configuration makes. Raises `ConfigError` where that cannot be had."""


def choose(word: str, places: Places) -> Sandbox:
    """The sandbox that the configuration's word names.

    Raises:
        ConfigError: There is no sandbox of that name, or it cannot be had on this machine.
    """
    make = _auto if word == AUTO else SANDBOXES.get(word)
    if make is None:
        known = ", ".join([AUTO, *SANDBOXES])
        raise ConfigError(f"there is no sandbox {word!r}", hint=f"use one of: {known}")
    return make(places)
