"""Has the user that ran a draft hand its files over to the daemon, where that is another user.

A server may lock the folders that it makes; only their owner can unlock them, and the daemon is to delete them one
day. So the stopped program runs once more, as `loosen`.
"""

import asyncio
import json
import sys
from pathlib import Path

import structlog

from drafterd import files
from drafterd.domain.errors import RuntimeUnavailable
from drafterd.domain.names import InstanceId, parse_instance_id
from drafterd.layout import Layout
from drafterd.run import spec as specs
from drafterd.run.program import program_text
from drafterd.run.programs import Programs, ProgramState

_log = structlog.get_logger(__name__)

_LOOSEN = Path(__file__).with_name("loosen.py")
_LARGEST = 4_000_000
_WITHIN = 20.0
_PAUSE = 0.02


async def give_back(layout: Layout, programs: Programs, instance: InstanceId) -> None:
    """Unlock what a stopped instance left; its program is to be ended and removed afterwards. Repeatable.

    That it fails keeps nobody from going on: what cannot be deleted is told when it is to be deleted.
    """
    release = layout.release(*parse_instance_id(instance))
    if files.shared_with(layout.spec(instance).parent) is None or not release.is_dir():
        return
    try:
        await _run(layout, programs, instance, release)
    except (OSError, ValueError, RuntimeUnavailable) as error:
        _log.warning("files.kept_locked", instance=instance, reason=str(error))


async def _run(layout: Layout, programs: Programs, instance: InstanceId, release: Path) -> None:
    file = layout.spec(instance)
    known = json.loads(files.read_regular(file, limit=_LARGEST)) if file.exists() else {}
    argv = [sys.executable, "-I", "-S", str(_LOOSEN), str(release)]
    # What a daemon that starts anew wants to know of the instance stays in it.
    content = {**known, "id": instance, "state": str(layout.state), "argv": argv, "cwd": "/", "walls": False}
    specs.write_spec(layout, instance, json.dumps({**content, "environment": {}, "limits": {}}).encode())
    text = program_text(instance, spec=file, log=layout.instance_log(instance)).encode()
    files.write_atomic(layout.programs / f"{instance}.conf", text)
    await programs.add(instance)
    await programs.begin(instance)
    for _ in range(round(_WITHIN / _PAUSE)):
        program = await programs.one(instance)
        if program is None or program.state not in _RUNNING:
            break
        await asyncio.sleep(_PAUSE)


_RUNNING = frozenset({ProgramState.STARTING, ProgramState.RUNNING})
