"""The text to give to whoever, or whatever, wrote a draft that failed.

Apart from the pages, because it is read by a program as often as by a person: it must stand alone, say
everything that is known, and ask for one thing.
"""

from collections.abc import Iterable, Iterator, Sequence

from drafterd.domain.model import Edit, Problem
from drafterd.domain.repair import Repair
from drafterd.domain.report import DraftReport
from drafterd.web.display import clean_line, clean_lines

TAIL = 30
"""Lines of the log."""
EDITS = 20
"""Changes that are named; more are counted."""

_ASK = (
    "Correct the cause in the source and give back every file that you changed, whole, each with its path.",
    "Keep what was changed above: it is made again at every build. Add no package whose name you are not certain of.",
)


def handover(report: DraftReport, problem: Problem, *, details: bool) -> str:
    """The text.

    Args:
        details: With the lines of the log and the source, for those who may see them.
    """
    applied = [edit for edit in report.edits if edit.applied]
    parts = [
        [f'The web app "{report.id}" could not be put online. It is built and served by a program, not by hand.'],
        list(_error(problem)),
        _block(f"The source there ({_file(problem)}):", clean_lines(problem.excerpt) if details else ()),
        _block("The last lines of the log:", clean_lines(problem.tail[-TAIL:]) if details else ()),
        _block("Tried already, in the way it is built, and not enough:", _repairs(tried(report), details=details)),
        _block("Changed in its files before the build:", _edits(applied) if details else ()),
        _block(
            "What could be done and was not done unasked:", [f"- {line}" for line in clean_lines(problem.proposals)]
        ),
        list(_ASK),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part)


def tried(report: DraftReport) -> tuple[Repair, ...]:
    """The repairs behind the problem that a draft has: not those of a build that failed before it arose."""
    build = report.build
    return build.repairs if build and build.problem in (None, report.problem) else ()


def _error(problem: Problem) -> Iterator[str]:
    yield f"Problem: {clean_line(problem.summary)}"
    if problem.where:
        yield f"Where: {clean_line(problem.where)}"
    if problem.step:
        yield f"Step: {clean_line(problem.step)}"
    if problem.hint:
        yield f"Hint: {clean_line(problem.hint)}"


def _file(problem: Problem) -> str:
    return clean_line(problem.where).partition(":")[0]


def _block(title: str, lines: Iterable[str]) -> list[str]:
    """A titled part, or nothing when it has no lines."""
    shown = list(lines)
    return [title, *shown] if shown else []


def _repairs(repairs: Sequence[Repair], *, details: bool) -> Iterator[str]:
    for repair in repairs:
        because = f" (because of: {clean_line(repair.reason)})" if details and repair.reason else ""
        yield f"- {repair.step}: {clean_line(repair.summary)}{because}"


def _edits(edits: Sequence[Edit]) -> Iterator[str]:
    for edit in edits[:EDITS]:
        yield f"- {clean_line(edit.file)}: {clean_line(edit.reason)}"
    if len(edits) > EDITS:
        yield f"- and {len(edits) - EDITS} more"
