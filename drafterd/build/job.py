"""One build: its steps in order, its log, and how it ended."""

import contextlib
import errno
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import structlog

from drafterd.build import excerpt, failure, notice, release
from drafterd.build.commands import BUILD, INSTALL, SOURCE, Tools
from drafterd.build.failure import BuildFailed
from drafterd.build.failure_classes import DISK
from drafterd.build.log import BuildLog
from drafterd.build.steps import PACK, SNAPSHOT, Steps
from drafterd.build.threads import in_thread
from drafterd.domain.errors import DrafterdError, SandboxFailed, Superseded
from drafterd.domain.masking import secrets
from drafterd.domain.model import Build, BuildOrder, BuildStatus, Problem
from drafterd.domain.repair import Repair

_log = structlog.get_logger(__name__)


class Job:
    """Runs one build.

    Args:
        build: As it stands in the queue, already running.
        save: Called with every change of it, before anything more is done.
        others_wait: Whether other drafts wait for their builds now.
    """

    def __init__(
        self,
        tools: Tools,
        order: BuildOrder,
        build: Build,
        save: Callable[[Build], None],
        others_wait: Callable[[], bool],
    ) -> None:
        self._tools = tools
        self._order = order
        self._save = save
        self._others_wait = others_wait
        self.build = build
        self._log: BuildLog | None = None

    async def run(self) -> Build:
        """The build as it ended; it is not saved yet. When cancelled, no process is left."""
        _log.info("build.started", draft=self.build.draft, build=self.build.number)
        began = time.monotonic()
        try:
            await self._perform(began)
        except Superseded as error:
            ended = self._ended(BuildStatus.CANCELLED)
            _log.info("build.superseded", draft=ended.draft, build=ended.number, reason=error.summary)
        except BuildFailed as error:
            ended = self._failed(error)
        except SandboxFailed as error:
            retry = self._tools.settings.retry_after
            step = self.build.step
            ended = self._failed(failure.of_sandbox(error, step, now=self._tools.clock(), retry=retry))
        except DrafterdError as error:
            ended = self._failed(failure.failed(error.code, error.summary, step=self.build.step, hint=error.hint))
        except OSError as error:
            settings = self._tools.settings
            _log.warning("build.io", draft=self.build.draft, build=self.build.number, reason=str(error))
            ended = self._failed(
                failure.of_system(
                    error, self.build.step or SNAPSHOT, now=self._tools.clock(), retry=settings.retry_after
                )
            )
        else:
            ended = self._ended(BuildStatus.SUCCEEDED)
        finally:
            if self._log:
                self._log.close()
        self._tell(ended, time.monotonic() - began)
        return ended

    async def clean(self) -> None:
        """Delete what the build does not need any more."""
        await in_thread(release.remove, self._tools.layout.scratch(self.build.draft))
        await in_thread(self._tools.budget.keep)

    async def _perform(self, began: float) -> None:
        """Go through the steps; once more if the disk was full, and room could be made on it."""
        try:
            await self._take_steps(began)
        except (BuildFailed, OSError) as error:
            if not _is_full(error) or not await self._made_room():
                raise
            self.build = replace(self.build, steps={}, repairs=())
            await self._take_steps(began, said="the disk was full: what can be made again was deleted")

    async def _made_room(self) -> bool:
        """Delete what this build wrote, and if that is not enough, what can be made again; whether there was any."""
        await in_thread(release.remove, self._tools.layout.scratch(self.build.draft))
        return await in_thread(self._tools.budget.make_room) > 0

    async def _take_steps(self, began: float, *, said: str = "") -> None:
        tools, recipe, clean = self._tools, self._order.recipe, self.build.clean
        log = self._log = self._log or self._opened()
        if said:
            log.note(said)
        steps = Steps(
            tools,
            self._order,
            self.build.number,
            log,
            deadline=began + tools.settings.timeout,
            on_repair=self._repaired,
        )
        try:
            async with self._step(SNAPSHOT, log):
                await steps.snapshot()
            if recipe.install:
                async with self._step(INSTALL, log):
                    await steps.install(clean=clean)
            if recipe.build:
                async with self._step(BUILD, log):
                    await steps.build(clean=clean, lean=self._others_wait())
            async with self._step(PACK, log):
                await steps.pack()
        except BuildFailed as error:
            log.note(error.summary)
            raise await self._told(error, log) from error
        except (DrafterdError, OSError) as error:
            log.note(str(error))
            raise
        finally:
            steps.close()

    def _repaired(self, repairs: tuple[Repair, ...]) -> None:
        """A step is tried in another way: people see it while it goes on."""
        self.build = replace(self.build, repairs=repairs)
        self._save(self.build)
        _log.info("build.repaired", draft=self.build.draft, build=self.build.number, reason=repairs[-1].code)

    async def _told(self, error: BuildFailed, log: BuildLog) -> BuildFailed:
        """The same failure with the last lines of the log, if it has none, and the lines of the source it names."""
        scratch = self._tools.layout.scratch(self.build.draft)
        shown = await in_thread(excerpt.around, scratch / SOURCE, error.problem.where, log.mask)
        problem = replace(error.problem, tail=error.problem.tail or log.recent, excerpt=shown)
        return BuildFailed(problem, timed_out=error.timed_out)

    def _opened(self) -> BuildLog:
        draft, number, settings = self.build.draft, self.build.number, self._tools.settings
        old = number - settings.keep_builds
        while old > 0 and self._tools.layout.build_log(draft, old).exists():
            self._tools.layout.build_log(draft, old).unlink()
            old -= 1
        return BuildLog(
            self._tools.layout.build_log(draft, number),
            limit=settings.output_max,
            secrets=secrets(self._order.environment),
            clock=self._tools.clock,
        )

    @contextlib.asynccontextmanager
    async def _step(self, name: str, log: BuildLog) -> AsyncIterator[None]:
        """Record that a step runs, and once it has ended well, how long it took."""
        self.build = replace(self.build, step=name)
        self._save(self.build)
        log.step(name)
        began = time.monotonic()
        yield
        seconds = round(time.monotonic() - began, 3)
        self.build = replace(self.build, steps={**self.build.steps, name: seconds})
        _log.info("build.step", draft=self.build.draft, build=self.build.number, step=name, seconds=seconds)

    def _ended(self, status: BuildStatus, problem: Problem | None = None) -> Build:
        step = "" if status is BuildStatus.SUCCEEDED else self.build.step
        self.build = replace(self.build, status=status, step=step, finished=self._tools.clock(), problem=problem)
        return self.build

    def _failed(self, error: BuildFailed) -> Build:
        status = BuildStatus.TIMED_OUT if error.timed_out else BuildStatus.FAILED
        return self._ended(status, replace(error.problem, since=self._tools.clock()))

    def _tell(self, ended: Build, seconds: float) -> None:
        folder = self._tools.layout.source(ended.draft)
        if self._tools.settings.notice:
            if ended.status is BuildStatus.SUCCEEDED:
                notice.remove(folder)
            elif ended.problem:
                notice.leave(folder, ended, ended.problem, self._order.recipe)
        _log.info(
            "build.finished",
            draft=ended.draft,
            build=ended.number,
            status=ended.status.value,
            seconds=round(seconds, 3),
            reason=ended.problem.code if ended.problem else "",
        )


def _is_full(error: BuildFailed | OSError) -> bool:
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return error.problem.code == DISK.code
