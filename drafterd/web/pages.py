"""Renders the pages: what a draft's visitors see in its place, and the status page.

A page of the edge carries its style and script inside itself: while a draft comes and goes, a
second request could be answered by someone else. The policy names both by their hashes.
"""

import base64
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import jinja2
from markupsafe import Markup

from drafterd.domain.model import Build, BuildStatus, Mend
from drafterd.domain.report import DraftReport
from drafterd.domain.state import State
from drafterd.resources import folder, templates
from drafterd.web.build_shapes import build_seconds
from drafterd.web.display import clean_line, clean_lines, duration, utc
from drafterd.web.handover import handover, tried
from drafterd.web.log_view import STEPS

STYLE = "drafterd.css"
EDGE_SCRIPT = "edge.js"
DASHBOARD_SCRIPT = "dashboard.js"
LOG_SCRIPT = "log.js"

_INSIDE: Mapping[str, str] = {"style": STYLE, "log_script": LOG_SCRIPT, "script": EDGE_SCRIPT}
"""What pages of the edge carry inside themselves."""

_POLICY = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"


@dataclass(frozen=True, slots=True)
class StepRow:
    """One line of the list of steps; `status` is done, now or todo."""

    label: str
    status: str
    seconds: float | None = None


@cache
def asset(name: str) -> str:
    """The text of a style sheet or script of ours."""
    return (folder("templates") / name).read_text(encoding="utf-8")


def dashboard_policy() -> str:
    """The content security policy of the status page."""
    return f"{_POLICY}; form-action 'self'"


@cache
def edge_policy(form_action: str = "'none'") -> str:
    """The content security policy of the pages at drafts' addresses; `form_action`: where forms may go."""
    style, log, script = (_hash(asset(name)) for name in (STYLE, LOG_SCRIPT, EDGE_SCRIPT))
    return f"{_POLICY}; form-action {form_action}; style-src '{style}'; script-src '{log}' '{script}'"


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def render(name: str, **values: Any) -> str:
    """A template with the filters that all pages use."""
    return _environment().get_template(name).render(now=time.time(), **values)


def render_edge(name: str, **values: Any) -> str:
    """A page that stands alone."""
    # Our own files, with no end tag in them: as they are, or their hashes would not fit.
    own = {word: Markup(asset(file)) for word, file in _INSIDE.items()}  # noqa: S704
    return render(name, **own, **values)


@cache
def _environment() -> jinja2.Environment:
    environment = templates(html=True).overlay()
    environment.filters.update(duration=duration, clean=clean_line, clean_all=clean_lines, utc=utc)
    environment.globals.update(
        steps_of=step_rows, headline=headline, elapsed=elapsed, handover=handover, tried=tried, mended_by=mended_by
    )
    return environment


def step_rows(report: DraftReport, now: float) -> list[StepRow]:
    """The way of a draft from its folder to its first answer, and where it is on it."""
    build = report.build
    rows = [
        StepRow("Wait until the folder is quiet", "now" if report.state is State.SETTLING else "done"),
        StepRow("Wait for a turn", _queue_status(report.state)),
    ]
    fresh = build is not None and report.state is not State.SETTLING and report.state is not State.QUEUED
    for name, label in STEPS.items():
        rows.append(_step_row(build if fresh else None, name, label, now))
    starting = report.state in (State.STARTING, State.ASLEEP)
    since = report.instance.since if starting and report.instance and report.instance.since else None
    rows.append(
        StepRow(
            "Start, until it answers",
            "now" if starting else "todo",
            max(0.0, now - since) if since is not None else None,
        )
    )
    return rows


def _queue_status(state: State) -> str:
    return {State.SETTLING: "todo", State.QUEUED: "now"}.get(state, "done")


def _step_row(build: Build | None, name: str, label: str, now: float) -> StepRow:
    if build is None:
        return StepRow(label, "todo")
    if name in build.steps:
        return StepRow(label, "done", build.steps[name])
    if build.status is BuildStatus.RUNNING and build.step == name:
        return StepRow(label, "now", max(0.0, now - (build.started or now) - sum(build.steps.values())))
    return StepRow(label, "todo" if build.status.active else "done")


_HEADLINES: Mapping[State, str] = {
    State.SETTLING: "is arriving",
    State.QUEUED: "is waiting for its turn",
    State.BUILDING: "is being built",
    State.STARTING: "is starting",
    State.ASLEEP: "is waking up",
    State.READY: "is ready",
    State.PAUSED: "is paused",
    State.FAILED: "could not be put online",
    State.REMOVING: "has been removed",
}


def headline(state: State) -> str:
    """What a draft does, as the end of a sentence that begins with its name."""
    return _HEADLINES[state]


def elapsed(report: DraftReport, now: float) -> float | None:
    """Seconds that the running build has taken so far; None when none runs."""
    build = report.build
    return build_seconds(build, now=now) if build and build.status is BuildStatus.RUNNING else None


_MENDED_BY: Mapping[Mend, str] = {
    Mend.DRAFT: "Whoever wrote it can mend it: its files are at fault.",
    Mend.CONFIG: "Whoever runs this server can mend it, in the configuration.",
    Mend.MACHINE: "Whoever runs this server can mend it: the machine is at fault, not the draft.",
}


def mended_by(mend: Mend) -> str:
    """Who can mend a problem, as a sentence."""
    return _MENDED_BY[mend]
