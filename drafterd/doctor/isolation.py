"""What `doctor` looks at of walls, networks, limits and secrets."""

import stat

from drafterd.build import environment
from drafterd.config import Config
from drafterd.doctor.case import Case, Look
from drafterd.doctor.finding import Finding, Findings, Level, good
from drafterd.domain.errors import DrafterdError
from drafterd.domain.interfaces import Sandbox
from drafterd.domain.report import levels
from drafterd.sandbox import choose
from drafterd.sandbox.firewall import MEANING, nft
from drafterd.sandbox.group_tree import CGROUPS, tree
from drafterd.sandbox.groups import BY_LOOKS
from drafterd.sandbox.network import Fence, Reach, Wish
from drafterd.sandbox.places import Places
from drafterd.sandbox.probe import strongest, way_out

_WEAK = {
    "plain": "run only drafts that you trust, under a user of their own",
    "users": "let drafterd make namespaces (in a container: its settings), for walls around each draft",
}
"""What would mend a sandbox that is none, or half of one."""
_LEVELS = {"none": "plain", "uid-only": "users"}
_SHARING = "builds share the network"
_WITH_SLIRP = "install the package slirp4netns, and let the daemon's user open /dev/net/tun"
_AS_ROOT = "run drafterd as root with a sandbox, or set `run.network` to `shared`"
_WITH_NFT = "install the package nftables and let drafterd set rules, or set `run.network` to `shared`"


def sandboxes(case: Case) -> Findings:
    """How builds and servers are kept apart; an error where that is not what is asked for."""
    config = case.config
    if case.told is not None:
        yield _reached(case.told.sandbox)
        return
    if case.server is not None:
        return  # the walls of the daemon's unit are others than a shell's: it alone can say
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


def _reached(sandbox: str) -> Finding:
    """What the living daemon has."""
    weak = [_WEAK[word] for level, word in _LEVELS.items() if level in levels(sandbox)]
    if weak:
        return Finding("isolation", Level.WARNING, sandbox, weak[0])
    if _SHARING in sandbox:
        return Finding("isolation", Level.WARNING, sandbox, _WITH_SLIRP)
    return good("isolation", sandbox)


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


def _build_network(case: Case) -> Findings:
    config = case.config
    if case.told is not None or case.server is not None:
        return  # `sandboxes` has said it
    wish = Wish(reach=Reach(config.build.network))
    machine = strongest().machine
    if config.build.sandbox in _WEAK or machine is None:
        return  # there is more to be said, and it has been
    out = way_out(machine, wish.reach)
    if out.way:
        yield good("build.network", Fence(wish, out.way).meaning)
    else:
        yield Finding("build.network", Level.WARNING, f"{_SHARING}: {out.reason}", _WITH_SLIRP)


def _limits(case: Case) -> Findings:
    if case.told is not None:
        yield good("limits", f"memory and processes are bounded {case.told.limits}")
    elif case.server is None:
        groups = tree(CGROUPS)
        yield good("limits", f"memory and processes are bounded {groups.meaning if groups else BY_LOOKS}")


def _withheld(case: Case) -> Findings:
    for name in environment.withheld(case.environ or {}):
        detail = f"{name} holds a password: builds do not get it, for strangers' install scripts would read it"
        mend = "name an address without one, of a local proxy that adds the password"
        yield Finding("registry", Level.WARNING, detail, mend)


def _logs(case: Case) -> Findings:
    folder = case.config.layout().logs
    try:
        mode = stat.S_IMODE(folder.stat().st_mode)
    except OSError:
        return  # it will be made
    if mode & stat.S_IROTH or mode & stat.S_IXOTH:
        detail = f"{folder} is open to everybody on this machine (mode {mode:o})"
        yield Finding("logs of drafts", Level.WARNING, detail, f"chmod o-rwx {folder}")
    else:
        yield good("logs of drafts", f"closed to others (mode {mode:o})")


ALL: tuple[Look, ...] = (sandboxes, _build_network, _limits, _withheld, _logs)
