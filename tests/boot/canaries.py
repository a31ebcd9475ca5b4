"""Values that are secret, one for each place that holds a secret, and the search for them everywhere else."""

import asyncio
import base64
import contextlib
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psutil

from tests.boot.machine import Machine

CREDENTIALS = "/etc/drafterd/credentials/credentials.env"
MARK = "kanari"
"""What all of them begin with, so that a draft can look for them too."""


def _new() -> str:
    return MARK + secrets.token_hex(12)


OPERATOR = {
    "ssh key": "/root/.ssh/id_ed25519",
    "npm token": "/root/.npmrc",
    "private key": "/etc/ssl/private/server.key",
    "somebody's file": "/home/alice/notes",
    "passwords": "/etc/passwords",
    "other service": "/var/lib/other/secret",
}
"""Files that have nothing to do with drafterd."""
OPERATOR_VALUES = {name: _new() for name in OPERATOR}
GIVEN = {name: _new() for name in ("NEXTAUTH_SECRET", "DATABASE_URL", "GOOGLE_CLIENT_SECRET", "GROQ_API_KEY")}
"""The operator's own values, which every draft gets into its environment."""
DRAFTS = {draft: _new() for draft in ("hello", "second", "spy", "loud", "sealed", "fails")}
"""What stands in the `.env.local` of each draft."""
CONFIGURED = _new()
"""What the configuration gives to one draft, `loud`, in `drafts_config.loud.env`."""
PASSWORDS = {"password in a file": _new(), "password that was typed": _new()}
"""What lets visitors into the drafts `guarded` and `loud`."""
PASSWORD_FILE = "/etc/drafterd/passwords/guarded"
SETTINGS = "/etc/drafterd/drafterd.yaml"


def plant(machine: Machine) -> None:
    """Put the operator's values where they belong, before anything is installed."""
    for name, place in OPERATOR.items():
        _write(machine.at(place), OPERATOR_VALUES[name])
    values = GIVEN | {"DATABASE_URL": f"postgresql://app:{GIVEN['DATABASE_URL']}@db.internal:5432/shop"}
    _write(machine.at(CREDENTIALS), "".join(f"{name}={value}\n" for name, value in values.items()))


async def configure(machine: Machine) -> None:
    """Put secrets into the configuration of an installed drafterd; it counts from the daemon's next start on."""
    _write(machine.at(PASSWORD_FILE), f"{PASSWORDS['password in a file']}\n")
    await machine.run("chown", "drafterd:", PASSWORD_FILE)
    drafts = f"{{guarded: {{access: {{password_file: {PASSWORD_FILE}}}}}, loud: {{env: {{CONFIGURED_TOKEN: {CONFIGURED}}}}}}}"
    with machine.at(SETTINGS).open("a") as file:
        file.write(f"\ndrafts_config: {drafts}\n")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o600)


@dataclass(frozen=True, slots=True)
class Found:
    """A secret at a place."""

    secret: str
    place: str


class Search:
    """Finds secrets in bytes: as they are, and in base64."""

    def __init__(self, **more: str) -> None:
        values = {
            **OPERATOR_VALUES,
            **GIVEN,
            **{f"draft {draft}": value for draft, value in DRAFTS.items()},
            "configured": CONFIGURED,
            **PASSWORDS,
            **more,
        }
        self._names = {form: name for name, value in values.items() for form in _forms(value.encode())}
        self._pattern = re.compile(b"|".join(map(re.escape, self._names)))

    def inside(self, data: bytes, place: str) -> Iterator[Found]:
        """The secrets in it, each once."""
        for form in set(self._pattern.findall(data)):
            yield Found(self._names[form], place)

    def files(self, machine: Machine, *folders: str) -> Iterator[Found]:
        """The secrets in names and contents of all files below."""
        for folder in folders:
            top = machine.at(folder)
            for parent, _, names in os.walk(top):
                for name in names:
                    path = Path(parent, name)
                    place = f"{folder}/{path.relative_to(top)}"
                    yield from self.inside(place.encode(errors="surrogateescape"), place)
                    if path.is_symlink() or not path.is_file():
                        continue
                    yield from self.inside(path.read_bytes(), place)

    def processes(self, machine: Machine) -> Iterator[Found]:
        """The secrets in what processes were started with; the place says whose process it is."""
        for process in machine.processes():
            with contextlib.suppress(psutil.Error, OSError):  # it has ended
                argv, environ = (Path(f"/proc/{process.pid}/{part}").read_bytes() for part in ("cmdline", "environ"))
                owner = re.search(rb"(?:^|\0)DRAFTERD_INSTANCE=([^\0.]+)", environ)
                whose = owner[1].decode() if owner else process.name()
                yield from self.inside(argv, f"arguments of {whose}")
                yield from self.inside(environ, f"environment of {whose}")


@dataclass
class Watch:
    """Looks over and over at what processes were started with, for as long as something goes on.

    Attributes:
        found: What it saw.
        seen: The names of processes that it has looked at.
    """

    search: Search
    machine: Machine
    found: set[Found] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def __aenter__(self) -> Self:
        tasks = await self._stack.enter_async_context(asyncio.TaskGroup())
        looking = tasks.create_task(self._look_on())
        self._stack.callback(looking.cancel)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    async def _look_on(self) -> None:
        while True:
            self.found.update(self.search.processes(self.machine))
            for process in self.machine.processes():
                with contextlib.suppress(psutil.Error, OSError):
                    self.seen.add(process.name())
            await asyncio.sleep(0.02)


def _forms(value: bytes) -> Iterator[bytes]:
    """A value as it is, and as it stands in the base64 of anything around it."""
    yield value
    for before in range(3):
        # What the neighbours have a part in is left out.
        yield base64.b64encode(b"x" * before + value)[4 if before else 0 : -4]
