"""The walls around a draft's processes, builds and running instances alike.

A backend is a function in `SANDBOXES`; the configuration's word chooses one.
"""

from collections.abc import Mapping
from typing import Protocol

from drafterd.domain.errors import ConfigError
from drafterd.domain.interfaces import Sandbox
from drafterd.sandbox.bubblewrap import SHARED, BubblewrapSandbox
from drafterd.sandbox.groups import Groups
from drafterd.sandbox.network import Fence, Wish
from drafterd.sandbox.own_users import OwnUsersSandbox
from drafterd.sandbox.places import Places
from drafterd.sandbox.plain import PlainSandbox
from drafterd.sandbox.probe import strongest, way_out

__all__ = ["AUTO", "SANDBOXES", "SHARED", "Make", "choose"]

AUTO = "auto"
"""The word for the strongest sandbox that works on this machine."""

_BUILDS_SHARE = "builds share the network"


class Make(Protocol):
    """Makes a sandbox. Raises `ConfigError` where it cannot be had."""

    def __call__(
        self, places: Places, wish: Wish | None = None, *, groups: Groups | None = None, network: str = SHARED
    ) -> Sandbox:
        """For the arguments see `choose`."""
        ...


def _bubblewrap(
    places: Places, wish: Wish | None = None, *, groups: Groups | None = None, network: str = SHARED
) -> Sandbox:
    found = strongest()
    if found.machine is None:
        raise ConfigError(
            found.reason,
            hint="make it work (`drafterd doctor` looks again), or set the sandbox to `auto` and do without walls",
        )
    if wish is None:
        return BubblewrapSandbox(places, found.machine, network, groups)
    out = way_out(found.machine, wish.reach)
    fence = Fence(wish, out.way) if out.way else f"builds share the network: {out.reason}"
    return BubblewrapSandbox(places, found.machine, fence, groups)


def _plain(places: Places, wish: Wish | None = None, *, groups: Groups | None = None, network: str = SHARED) -> Sandbox:
    _ = places, wish, network
    return PlainSandbox(groups=groups)


def _users(
    places: Places, wish: Wish | None = None, *, groups: Groups | None = None, network: str = SHARED, reason: str = ""
) -> Sandbox:
    return OwnUsersSandbox(places, network if wish is None else _BUILDS_SHARE, reason=reason, groups=groups)


def _auto(places: Places, wish: Wish | None = None, *, groups: Groups | None = None, network: str = SHARED) -> Sandbox:
    """The walls if they can be had, else users of their own, else nothing; and why."""
    try:
        return _bubblewrap(places, wish, groups=groups, network=network)
    except ConfigError as no_walls:
        try:
            return _users(places, wish, groups=groups, network=network, reason=no_walls.summary)
        except ConfigError as no_users:
            return PlainSandbox(f"{no_walls.summary}; {no_users.summary}", groups)


SANDBOXES: Mapping[str, Make] = {"bubblewrap": _bubblewrap, "plain": _plain, "users": _users}
"""What each word of the configuration makes. Raises `ConfigError` where that cannot be had."""


def choose(
    word: str, places: Places, wish: Wish | None = None, *, groups: Groups | None = None, network: str = SHARED
) -> Sandbox:
    """The sandbox that the configuration's word names.

    Args:
        wish: What builds are to reach; None: the machine's own network, as for what is no build.
        groups: Makes control groups, where they can be had.
        network: What is said of the network of what is no build.

    Raises:
        ConfigError: There is no sandbox of that name, or it cannot be had on this machine.
    """
    make = _auto if word == AUTO else SANDBOXES.get(word)
    if make is None:
        known = ", ".join([AUTO, *SANDBOXES])
        raise ConfigError(f"there is no sandbox {word!r}", hint=f"use one of: {known}")
    return make(places, wish, groups=groups, network=network)
