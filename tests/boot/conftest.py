"""One machine for all tests: they follow one another as an administrator's first year does."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.boot import canaries, debian
from tests.boot.installed import Installed

FIRST, NEXT = "1.0.0", "2.0.0"
NEXT_DIFFERS = {
    "drafterd/ledger.py": (
        "UPDATE builds SET repairs = '[]'\",\n",
        'UPDATE builds SET repairs = \'[]\'",\n"CREATE TABLE notes (note TEXT NOT NULL) STRICT",\n',
    ),
    "systemd/drafterd.service": ("Description=drafterd\n", "Description=drafterd, the next\n"),
    "systemd/drafterd-supervisor.service": ("(supervisord)\n", "(supervisord), the next\n"),
    "drafterd/run/plugin.py": (
        "    def states(self)",
        "    def later(self) -> bool:\n        return True\n\n    def states(self)",
    ),
}
"""A ledger that the first version does not understand, other units, and a plug-in that knows more."""


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def server() -> AsyncIterator[Installed]:
    if why := debian.missing():
        pytest.skip(why)
    # Not pytest's folder, which is kept for a while: this one grows to more than a gigabyte.
    with tempfile.TemporaryDirectory(prefix="drafterd-boot-") as name:
        folder = Path(name)
        async with asyncio.TaskGroup() as tasks:
            kept = tasks.create_task(asyncio.to_thread(debian.kept))
            for version, changes in ((FIRST, {}), (NEXT, NEXT_DIFFERS)):
                tasks.create_task(asyncio.to_thread(debian.own_wheel, folder, version, changes))
        async with Installed(kept.result(), folder) as machine:
            canaries.plant(machine)
            yield machine
