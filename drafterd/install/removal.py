"""Takes an installation away: what was laid down and is as it was; data only where that is asked for."""

import functools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from drafterd.domain.errors import DrafterdError, MachineFailed
from drafterd.files import remove_tree
from drafterd.install import choices as places
from drafterd.install.ground import Ground
from drafterd.install.plan import NEW_SUFFIX, Change, Digests, Verdict, digest

_OURS = (places.SETTINGS, places.CREDENTIALS)
"""Written once: the administrator's, and data."""
_FOLDERS = (places.STATE, places.LOGS, Path("/var/lib/drafterd-traefik"), Path("/var/log/drafterd-traefik"))
_VANISHING = (places.RUN, places.SUPERVISOR_SOCKET.parent)
_ENABLED = places.UNITS / "multi-user.target.wants" / places.TARGET
_STOPPABLE = ("loaded", "masked")
_USERS = ("drafterd", "drafterd-run", "drafterd-traefik")

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """What is to be taken away.

    Attributes:
        purge: Whether releases, logs, configuration, secrets and users go too; never the sources.
    """

    ground: Ground
    changes: tuple[Change, ...]
    known: Digests
    purge: bool


def decide(ground: Ground, *, purge: bool) -> Removal:
    """Look what of it lies there still. Raises `DrafterdError` where the record cannot be understood."""
    known = ground.record().files
    found = ground.found(known)
    decided = []
    for path, data in sorted(found.items()):
        goes = purge or (path not in _OURS and digest(data) in known[path])
        decided.append(Change(path, Verdict.GONE if goes else Verdict.LEFT))
    beside = [path.with_name(path.name + NEW_SUFFIX) for path in known]
    decided += [Change(path, Verdict.GONE) for path in sorted(ground.found(beside))]
    return Removal(ground=ground, changes=tuple(decided), known=known, purge=purge)


def perform(removal: Removal, say: Say) -> None:
    """Do it. Raises `MachineFailed`, which says where it stopped; it may be run again."""
    done = "nothing"
    try:
        for name, step in steps(removal):
            say(name)
            step()
            done = name
    except (DrafterdError, OSError) as error:
        reason = error.summary if isinstance(error, DrafterdError) else str(error)
        raise MachineFailed(f"stopped after: {done}. {reason}", hint="mend that and run the same again") from error


def steps(removal: Removal) -> Iterator[tuple[str, Callable[[], object]]]:
    """What is done, in this order; the record goes last, so that a removal that was cut short can be taken up."""
    ground = removal.ground
    root = () if ground.live else (f"--root={ground.root}",)
    if stopped := _to_stop(removal):
        stop = ("systemctl", "stop", *stopped)
        yield f"run {' '.join(stop)}", functools.partial(ground.run, stop)
    if any(change.path == places.UNITS / places.TARGET for change in removal.changes):
        disable = ("systemctl", *root, "--quiet", "disable", places.TARGET)
        yield f"run {' '.join(disable)}", functools.partial(ground.run, disable)
    elif os.path.lexists(ground.at(_ENABLED)):  # systemctl has no word for a unit that is gone
        yield f"remove {_ENABLED}", functools.partial(ground.remove, _ENABLED)
    if any(change.path == places.APPARMOR and change.verdict is Verdict.GONE for change in removal.changes):
        yield from _unloaded(ground)
    for change in removal.changes:
        if change.verdict is Verdict.GONE:
            yield f"{change.verdict} {change.path}", functools.partial(ground.apply, change)
    yield from _told(removal)
    for folder in (*_VANISHING, *(_FOLDERS if removal.purge else ())):
        yield f"remove {folder}", functools.partial(remove_tree, ground.at(folder))
    if removal.purge:
        yield from _last(ground)
    yield f"remove {places.RECORD}", functools.partial(ground.remove, places.RECORD)
    if removal.purge:
        yield f"remove {places.CONFIG}", functools.partial(remove_tree, ground.at(places.CONFIG))


def _to_stop(removal: Removal) -> list[str]:
    """The units that systemd has still: those whose files are gone it may have forgotten, and then fails to stop."""
    known = {path.name for path in removal.known if path.parent == places.UNITS and path.suffix != ".slice"}
    states = removal.ground.states(known).items()
    return [unit for unit, is_ in states if is_["ActiveState"] != "inactive" or is_["LoadState"] in _STOPPABLE]


def _unloaded(ground: Ground) -> Iterator[tuple[str, Callable[[], object]]]:
    """The profile, which the kernel would keep until the next boot."""
    if ground.live:
        unload = ("apparmor_parser", "--remove", str(places.APPARMOR))
        yield f"run {' '.join(unload)}", functools.partial(ground.says_yes, unload)  # it may be unloaded already


def _told(removal: Removal) -> Iterator[tuple[str, Callable[[], object]]]:
    """Who has to hear of it."""
    if not removal.ground.live:
        return
    reload = ["systemctl", "daemon-reload"]
    yield f"run {' '.join(reload)}", functools.partial(removal.ground.run, reload)
    if places.NGINX in removal.known:
        forget = ["systemctl", "reload", "nginx.service"]
        yield f"run {' '.join(forget)}", functools.partial(removal.ground.says_yes, forget)  # it may be gone itself


def _last(ground: Ground) -> Iterator[tuple[str, Callable[[], object]]]:
    """The users; the group of authors stays: the sources are theirs."""
    if not ground.live:
        return
    for user in _USERS:
        if ground.says_yes(["id", "--user", user]):
            yield f"run userdel {user}", functools.partial(ground.run, ["userdel", user])
