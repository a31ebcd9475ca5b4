"""What people are told of a draft."""

from drafterd.domain.model import BuildStatus, InstanceStatus, Problem
from drafterd.domain.names import release_id
from drafterd.domain.plan import Rules
from drafterd.domain.repair import Repair
from drafterd.domain.routing import Target
from drafterd.domain.state import State, Work
from drafterd.reconcile.report import report_of
from tests.builders import a_build, a_live_view, a_release, a_target, a_view, an_instance

URLS = ("http://localhost/api/draft/hello", "http://hello.localhost/")


def test_a_live_draft():
    report = report_of(a_live_view(builds=(a_build(1, steps={"install": 2.0, "build": 3.0}),)), Rules(), URLS)
    assert (report.state, report.serving, report.work, report.problem) == (State.READY, "r1", Work.NONE, None)
    assert (report.url, report.usual_seconds, report.static_root) == (URLS[0], 5.0, None)


def test_a_failed_update_shows_what_still_serves():
    problem = Problem(code="build-failed", summary="no")
    failed = a_build(2, "k2", BuildStatus.FAILED, problem=problem)
    report = report_of(a_live_view(key="k2", builds=(failed, a_build(1))), Rules(), URLS)
    assert (report.state, report.serving, report.problem) == (State.READY, "r1", problem)


def test_what_serves_keeps_its_repairs_though_a_newer_build_failed():
    repair = Repair(code="webpack", step="build", summary="built with webpack")
    failed = a_build(2, "k2", BuildStatus.FAILED, problem=Problem(code="x", summary="no"))
    report = report_of(a_live_view(key="k2", builds=(failed, a_build(1, repairs=(repair,)))), Rules(), URLS)
    assert report.repairs == (repair,)
    assert report_of(a_live_view(builds=()), Rules(), URLS).repairs == ()
    assert report_of(a_view(builds=(a_build(1, repairs=(repair,)),)), Rules(), URLS).repairs == ()


def test_while_the_current_release_restarts_the_one_that_answers_is_named():
    view = a_live_view(
        current=release_id(2),
        releases=(a_release(1), a_release(2)),
        instances=(an_instance(1), an_instance(2, InstanceStatus.STARTING)),
        target=a_target(1),
        confirmed=a_target(1),
    )
    assert report_of(view, Rules(), URLS).serving == "r1"


def test_a_static_draft_names_its_files():
    files = Target(address=None)
    view = a_live_view(releases=(a_release(1, argv=()),), instances=(), target=files, confirmed=files)
    assert report_of(view, Rules(), URLS).static_root == "/releases/r1"


def test_one_that_is_not_ready_names_nothing():
    report = report_of(a_view(), Rules(), URLS)
    assert (report.serving, report.static_root, report.kept, report.state) == (None, None, (), State.QUEUED)
