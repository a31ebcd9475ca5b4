"""The walls around a draft's processes, builds and running instances alike.

A backend is a function in `SANDBOXES`; the configuration's word chooses one.
"""

from collections.abc import Mapping
from typing import Protocol

from drafterd.domain.errors import ConfigError
from drafterd.domain.interfaces import Sandbox
from drafterd.sandbox.bubblewrap import BubblewrapSandbox
from drafterd.sandbox.network import Fence, Wish
from drafterd.sandbox.places import Places
from drafterd.sandbox.plain import PlainSandbox
from drafterd.sandbox.probe import strongest, way_out

AUTO = "auto"
"""The word for the strongest sandbox that works on this machine."""


class Make(Protocol):
    """Makes a sandbox. Raises `ConfigError` where it cannot be had."""

    def __call__(self, places: Places, wish: Wish | None = None) -> Sandbox:
        """`wish`: what builds are to reach; None: the machine's own network."""
        ...


def _bubblewrap(places: Places, wish: Wish | None = None) -> Sandbox:
    found = strongest()
    if found.machine is None:
        raise ConfigError(
            found.reason,
            hint="make it work (`drafterd doctor` looks again), or set the sandbox to `auto` and do without walls",
        )
    if wish is None:
        return BubblewrapSandbox(places, found.machine)
    out = way_out(found.machine, wish.reach)
    network = Fence(wish, out.way) if out.way else f"builds share the network: {out.reason}"
    return BubblewrapSandbox(places, found.machine, network)


def _plain(places: Places, wish: Wish | None = None) -> Sandbox:
    _ = places, wish
    return PlainSandbox()


def _auto(places: Places, wish: Wish | None = None) -> Sandbox:
    """The walls if they can be had, else none, and why."""
    try:
        return _bubblewrap(places, wish)
    except ConfigError as error:
        return PlainSandbox(error.summary)


SANDBOXES: Mapping[str, Make] = {"bubblewrap": _bubblewrap, "plain": _plain}
"""What each word of the configuration makes. Raises `ConfigError` where that cannot be had."""


def choose(word: str, places: Places, wish: Wish | None = None) -> Sandbox:
    """The sandbox that the configuration's word names.

    Args:
        wish: What builds are to reach; None: the machine's own network, as for what is no build.

    Raises:
        ConfigError: There is no sandbox of that name, or it cannot be had on this machine.
    """
    make = _auto if word == AUTO else SANDBOXES.get(word)
    if make is None:
        known = ", ".join([AUTO, *SANDBOXES])
        raise ConfigError(f"there is no sandbox {word!r}", hint=f"use one of: {known}")
    return make(places, wish)
