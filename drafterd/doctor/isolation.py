"""What `doctor` looks at of walls, networks, limits and secrets."""

import os
import stat
from collections.abc import Callable

from drafterd.build import environment
from drafterd.config import Config
from drafterd.doctor.finding import Finding, Findings, Level, good
from drafterd.domain.errors import DrafterdError
from drafterd.domain.interfaces import Sandbox
from drafterd.sandbox import choose
from drafterd.sandbox.firewall import MEANING, nft
from drafterd.sandbox.group_tree import CGROUPS, tree
from drafterd.sandbox.network import Fence, Reach, Wish
from drafterd.sandbox.places import Places
from drafterd.sandbox.probe import strongest, way_out

_WEAK = {
    "plain": "run only drafts that you trust, under a user of their own",
    "users": "let drafterd make namespaces (in a container: its settings), for walls around each draft",
}
"""What would mend a sandbox that is none, or half of one."""
_AS_ROOT = "run drafterd as root with a sandbox, or set `run.network` to `shared`"
_WITH_NFT = "install the package nftables and let drafterd set rules, or set `run.network` to `shared`"


def sandboxes(config: Config) -> Findings:
    """How builds and servers are kept apart; an error where that is not what is asked for."""
    wish = Wish(reach=Reach(config.build.network))
    for name, word, reach in (("build.sandbox", config.build.sandbox, wish), ("run.sandbox", config.run.sandbox, None)):
        try:
            sandbox = choose(word, Places(layout=config.layout()), reach)
        except DrafterdError as error:
            yield Finding(name, Level.ERROR, error.summary, error.hint)
            continue
        if mend := _WEAK.get(sandbox.name):
            yield Finding(name, Level.WARNING, f"isolation: {sandbox.isolation}", mend)
        else:
            yield good(name, f"{sandbox.name}, isolation: {sandbox.isolation}")
        if reach is None:
            yield from _run_network(config, sandbox)


def _run_network(config: Config, sandbox: Sandbox) -> Findings:
    """Whether running drafts are fenced in, if they are to be."""
    if config.run.network == "shared":
        return
    level = Level.ERROR if config.run.network == "fenced" else Level.WARNING
    if not sandbox.apart:
        yield Finding("run.network", level, "drafts share the network: they are no users of their own", _AS_ROOT)
        return
    try:
        nft()
    except DrafterdError as error:
        yield Finding("run.network", level, f"drafts share the network: {error.summary}", _WITH_NFT)
        return
    yield good("run.network", MEANING)


def _build_network(config: Config) -> Findings:
    wish = Wish(reach=Reach(config.build.network))
    machine = strongest().machine
    if config.build.sandbox in _WEAK or machine is None:
        return  # there is more to be said, and it has been
    out = way_out(machine, wish.reach)
    if out.way:
        yield good("build.network", Fence(wish, out.way).meaning)
    else:
        mend = "install the package slirp4netns, and let the daemon's user open /dev/net/tun"
        yield Finding("build.network", Level.WARNING, f"builds share the network: {out.reason}", mend)


def _limits(_config: Config) -> Findings:
    groups = tree(CGROUPS)
    how = groups.meaning if groups else "by looks at /proc, a few a second: no control groups can be made here"
    yield good("limits", f"memory and processes are bounded {how}")


def _withheld(_config: Config) -> Findings:
    for name in environment.withheld(os.environ):
        detail = f"{name} holds a password: builds do not get it, for strangers' install scripts would read it"
        mend = "name an address without one, of a local proxy that adds the password"
        yield Finding("registry", Level.WARNING, detail, mend)


def _logs(config: Config) -> Findings:
    folder = config.layout().logs
    try:
        mode = stat.S_IMODE(folder.stat().st_mode)
    except OSError:
        return  # it will be made
    if mode & stat.S_IROTH or mode & stat.S_IXOTH:
        detail = f"{folder} is open to everybody on this machine (mode {mode:o})"
        yield Finding("logs of drafts", Level.WARNING, detail, f"chmod o-rwx {folder}")
    else:
        yield good("logs of drafts", f"closed to others (mode {mode:o})")


ALL: tuple[Callable[[Config], Findings], ...] = (sandboxes, _build_network, _limits, _withheld, _logs)
