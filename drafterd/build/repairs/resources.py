"""What a build lacks from its surroundings: memory, and the client that Prisma makes."""

import re
from dataclasses import replace

from drafterd.build.repairs.situation import PACKAGE, Situation
from drafterd.build.repairs.variant import Remedy

HEAP = re.compile(
    r"JavaScript heap out of memory|Reached heap limit|ERR_WORKER_OUT_OF_MEMORY|reaching memory limit: JS heap"
    r"|worker exited with code: null and signal: SIGABRT|\bsignal: SIGKILL\b|^(?:npm error signal SIGKILL|Killed)$"
)
_KILLED = re.compile(r"\bSIGKILL\b|^Killed$")
PRISMA = re.compile(
    r"@prisma/client did not initialize yet"
    r"|(?:Can't resolve|Cannot find module|Could not resolve|failed to resolve import) ['\"](?:[^'\"]*/)?\.?(?:generated/)?prisma/(?:client|default)\b"
    r"|(?:Can't resolve|Cannot find module|Could not resolve|failed to resolve import) ['\"][^'\"]*generated/prisma\b"
    r"|'\"@prisma/client\"' has no exported member|Module '\"(?:@prisma/client|\.prisma/client)[^']*' has no exported member"
    r"|Prisma has detected that this project was built on Vercel"
)

_MB = 1_000_000
_SHARE, _SHARE_OF_KILLED = 0.75, 0.5
"""Of the memory that a build may use: the rest is for what Node keeps beside its heap, and for other processes."""
_LEAST = 1024
_SCHEMAS = ("prisma/schema.prisma", "schema.prisma", "prisma/schema", "src/prisma/schema.prisma")


def heap(situation: Situation) -> Remedy | None:
    """A heap that fits the memory that there is; None where there is hardly more than Node takes anyway."""
    killed = any(_KILLED.search(line) for line in situation.lines)
    size = int(situation.memory * (_SHARE_OF_KILLED if killed else _SHARE)) // _MB
    if size < _LEAST or "max-old-space-size" in situation.script:
        return None
    options = situation.variant.build_environment.get("NODE_OPTIONS", "")
    environment = {
        **situation.variant.build_environment,
        "NODE_OPTIONS": f"{options} --max-old-space-size={size}".strip(),
    }
    return Remedy(
        summary=f"Node gets a heap of up to {size} MB for the build, and one worker",
        variant=replace(
            situation.variant, build_environment=environment, flags=situation.variant.flags | {"one-worker"}
        ),
    )


def prisma(situation: Situation) -> Remedy | None:
    """Let Prisma make its client before the build."""
    schema = any(name == place or name.startswith(f"{place}/") for name in situation.entries for place in _SCHEMAS)
    command = ("prisma", "generate")
    if not schema or command in situation.variant.before_build:
        return None
    listed = situation.dependencies()
    files: dict[str, bytes] = {}
    if "prisma" not in listed:
        wanted = listed.get("@prisma/client")
        if wanted is None:
            return None
        own = situation.package.get("devDependencies")
        changed = {**(own if isinstance(own, dict) else {}), "prisma": wanted}
        files[PACKAGE] = situation.with_package(devDependencies=changed)
    return Remedy(
        summary="Prisma makes its client before the build (prisma generate)",
        variant=replace(
            situation.variant,
            before_build=(*situation.variant.before_build, command),
            locked=situation.variant.locked and not files,
        ),
        files=files,
        reinstall=bool(files),
    )
