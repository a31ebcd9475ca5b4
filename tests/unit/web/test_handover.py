"""The text for whoever wrote a draft that failed."""

from dataclasses import replace

from drafterd.domain.model import BuildStatus, Edit, Problem
from drafterd.domain.plan import Rules
from drafterd.domain.repair import Repair
from drafterd.reconcile.report import report_of
from drafterd.web.handover import EDITS, TAIL, handover
from tests.builders import a_build, a_record, a_view

PROBLEM = Problem(
    code="build-failed",
    summary="Module not found: Can't resolve '@/components/ui/button'",
    where="app/page.tsx:3:1",
    hint="add the file",
    step="build",
    tail=tuple(f"line {number}" for number in range(100)),
    proposals=("npx shadcn add button",),
    excerpt=("> 3 | import { Button } from '@/components/ui/button'",),
)
REPAIR = Repair(code="legacy-peers", step="install", summary="peers are not insisted on", reason="code ERESOLVE")


def edit(file="package.json", *, applied=True):
    return Edit(file=file, rule="scripts", before="", after="x", reason="a start script was added", applied=applied)


EDIT = edit()


def text(*, details=True, problem=PROBLEM, repairs=(REPAIR,), edits=(EDIT,)):
    failed = a_build(1, status=BuildStatus.FAILED, problem=problem, repairs=repairs)
    report = report_of(a_view(builds=(failed,), fix=a_record(edits=edits)), Rules(), ("http://x/", "http://y/"))
    return handover(report, problem, details=details)


def test_it_stands_alone():
    said = text()
    for wanted in (
        'The web app "hello"',
        "Problem: Module not found",
        "Where: app/page.tsx:3:1",
        "Step: build",
        "Hint: add the file",
        "The source there (app/page.tsx):\n> 3 | import",
        "line 99",
        "- install: peers are not insisted on (because of: code ERESOLVE)",
        "- package.json: a start script was added",
        "- npx shadcn add button",
        "give back every file that you changed",
    ):
        assert wanted in said
    assert f"line {99 - TAIL}\n" not in said


def test_a_stranger_gets_no_line_of_the_log_or_the_source():
    said = text(details=False)
    assert "Problem: Module not found" in said
    assert "- install: peers are not insisted on\n" in said
    for hidden in ("line 9", "import {", "ERESOLVE", "package.json"):
        assert hidden not in said


def test_what_there_is_not_has_no_title():
    bare = Problem(code="empty-folder", summary="the folder is empty")
    said = text(problem=bare, repairs=(), edits=())
    for title in ("Where:", "Step:", "Hint:", "The source", "log:", "Tried", "Changed in", "could be done"):
        assert title not in said
    assert "\n\n\n" not in said


def test_repairs_of_an_older_failure_are_not_told():
    older = replace(PROBLEM, summary="another")
    failed = a_build(1, status=BuildStatus.FAILED, problem=older, repairs=(REPAIR,))
    view = a_view(builds=(failed,), fix=a_record(problem=PROBLEM, recipe=None), key=None)
    report = report_of(view, Rules(), ("http://x/", "http://y/"))
    assert report.problem == PROBLEM
    assert "Tried already" not in handover(report, PROBLEM, details=True)


def test_an_edit_that_was_not_made_is_not_named_and_many_are_counted():
    assert "Changed in" not in text(edits=(edit(applied=False),))
    said = text(edits=tuple(edit(f"app/{number}.ts") for number in range(EDITS + 5)))
    assert f"app/{EDITS - 1}.ts" in said
    assert f"app/{EDITS}.ts" not in said
    assert "- and 5 more" in said


def test_control_characters_do_not_get_through():
    said = text(problem=replace(PROBLEM, summary="bad \x1b[31m\u202eword", tail=("\x1b]0;x\x07y",)))
    assert "\x1b" not in said
    assert "\u202e" not in said
