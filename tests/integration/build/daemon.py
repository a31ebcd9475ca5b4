"""A process that builds what `wanted.json` in its folder asks for; tests kill it.

`python -m tests.integration.build.daemon ROOT [DIE_AT]`: with DIE_AT it kills itself, as
`kill -9` would, once a build is there. Ends by itself when nothing is left to build.
"""

import asyncio
import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

from drafterd.build import release as disk
from drafterd.domain.model import Kind, Recipe
from drafterd.domain.names import DraftId, ReleaseId
from drafterd.layout import Layout
from tests.builders import eventually
from tests.integration.build.world import World


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _recipe(facts: dict[str, object]) -> Recipe:
    return replace(Recipe(kind=Kind(str(facts.pop("kind"))), why="test"), **facts)  # type: ignore[arg-type]


async def main(root: Path, die_at: str) -> None:
    world = World(root, sandbox="plain")
    wanted = {DraftId(name): _recipe(facts) for name, facts in json.loads((root / "wanted.json").read_text()).items()}

    def changed(draft: DraftId) -> None:
        if die_at and any(build.step == die_at for build in world.queue.builds(draft)):
            _die()

    world.queue._on_change = changed
    if die_at == "published":
        publish = disk.publish

        def publish_and_die(layout: Layout, draft: DraftId, release: ReleaseId, packed: Path) -> None:
            publish(layout, draft, release, packed)
            _die()

        disk.publish = publish_and_die
    async with world.running():
        for draft, recipe in wanted.items():
            await world.queue.enqueue(draft, world.drop({}, recipe, draft=draft))
        await eventually(lambda: not world.queue.queue(), within=60)
        for draft in wanted:
            build = world.queue.builds(draft)[0]
            print(json.dumps([draft, build.status, build.problem and build.problem.code]), flush=True)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else ""))
