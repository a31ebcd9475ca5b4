"""`drafterd up` that dies by SIGKILL at a named moment: run by tests/integration/test_crash.py.

A moment is an action of the planner (`promote`: right after it was done; `promote-`: right before)
or a step of a build (`step:install`: when it has just begun).
"""

import asyncio
import os
import signal
import sys
from pathlib import Path
from unittest import mock

from drafterd import daemon
from drafterd.config import Config
from drafterd.ledger import SqliteLedger
from drafterd.reconcile.perform import Performer


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def main(moment, file):
    perform, save_build = Performer.perform, SqliteLedger.save_build

    async def deadly_perform(self, view, action):
        name = type(action).__name__.lower()
        if moment == f"{name}-":
            die()
        await perform(self, view, action)
        if moment == name:
            die()

    def deadly_save(self, build):
        save_build(self, build)
        if moment == f"step:{build.step}" and build.status.value == "running":
            die()

    with (
        mock.patch.object(Performer, "perform", deadly_perform),
        mock.patch.object(SqliteLedger, "save_build", deadly_save),
    ):
        asyncio.run(daemon.serve(Config.load(Path(file)), managed=True))


if __name__ == "__main__":
    main(*sys.argv[1:])
