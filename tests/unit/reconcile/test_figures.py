"""What Prometheus is told, and that the dashboard and the alerts in `etc/monitoring` ask for nothing else."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from drafterd.domain.model import BuildStatus, InstanceStatus, Problem
from drafterd.domain.plan import Rules
from drafterd.domain.report import Check, StatusReport
from drafterd.metrics import Metrics
from drafterd.reconcile.figures import count_builds, measure
from drafterd.reconcile.report import report_of
from tests.builders import a_build, a_live_view, an_instance

MONITORING = Path(__file__).parents[3] / "etc" / "monitoring"
NAME = re.compile(r"\bdrafterd_[a-z_]+")
SUFFIXES = ("_total", "_bucket", "_sum", "_count")
RUNNING = a_build(2, status=BuildStatus.RUNNING)
ENDED = replace(a_build(2), steps={"install": 1.0, "build": 7.0})


@pytest.fixture
def metrics():
    return Metrics("1.2.3")


def test_a_build_is_counted_once_when_it_ends(metrics):
    before, after = a_live_view(builds=(RUNNING, a_build(1))), a_live_view(builds=(ENDED, a_build(1)))
    count_builds(metrics, None, before)
    count_builds(metrics, before, after)
    count_builds(metrics, after, after)
    text = metrics.text().decode()
    assert 'drafterd_builds_total{outcome="succeeded"} 1.0' in text
    assert 'drafterd_build_seconds_sum{step="build"} 7.0' in text
    assert 'drafterd_build_seconds_count{step="install"} 1.0' in text


def test_what_is_true_now_takes_the_place_of_what_was(metrics):
    view = a_live_view(instances=(an_instance(1),))
    told(metrics, view, problem=Problem(code="disk-full", summary="full"))
    assert 'drafterd_problems{code="disk-full"} 1.0' in metrics.text().decode()
    told(metrics, view)
    text = metrics.text().decode()
    assert "disk-full" not in text
    assert f'drafterd_instances{{status="{InstanceStatus.READY.value}"}} 1.0' in text
    assert 'drafterd_part_up{part="proxy"} 0.0' in text
    assert "drafterd_disk_free_bytes 5e+09" in text
    assert 'drafterd_info{version="1.2.3"} 1.0' in text


def told(metrics, view, problem=None):
    report = replace(report_of(view, Rules(), ("http://a/",)), problem=problem, rss_bytes=100)
    status = StatusReport(
        version="1",
        uptime=1.0,
        states={},
        queue=0,
        ports_free=3,
        sandbox="",
        proxy=Check(name="proxy", ok=False),
        runtime=Check(name="runtime", ok=True),
        ready=True,
        memory={"available": 2},
        disk={"free": 5_000_000_000},
    )
    measure(metrics, status=status, reports=[report], views=[view], queue=[RUNNING])


def expressions():
    rules = yaml.safe_load((MONITORING / "drafterd.rules.yml").read_text())
    for rule in rules["groups"][0]["rules"]:
        assert set(rule["annotations"]) == {"summary", "mend"}
        yield rule["alert"], rule["expr"]
    for panel in json.loads((MONITORING / "grafana-dashboard.json").read_text())["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


@pytest.mark.parametrize(("title", "expression"), list(expressions()))
def test_alerts_and_panels_ask_for_metrics_that_there_are(metrics, title, expression):
    known = set(re.findall(r"^# TYPE (\S+)", metrics.text().decode(), re.MULTILINE))
    known |= {name.removesuffix("_total") for name in known}
    for name in NAME.findall(expression):
        base = next((name.removesuffix(end) for end in SUFFIXES if name.endswith(end)), name)
        assert {name, base} & known, f"{title}: {name}"


def test_alerts_name_codes_that_there_are():
    text = (MONITORING / "drafterd.rules.yml").read_text()
    problems = (MONITORING.parents[1] / "docs" / "problems.md").read_text()
    (codes,) = re.findall(r'code=~"([^"]+)"', text)
    assert [code for code in codes.split("|") if f"`{code}`" not in problems] == []


@pytest.mark.parametrize(
    ("sandbox", "weak"),
    [
        ("bubblewrap (isolation: full: a)", False),
        ("bubblewrap (isolation: no-userns: a); builds: bubblewrap (full: b)", False),
        ("users (isolation: uid-only: a)", True),
        ("bubblewrap (isolation: full: a); builds: plain (none: no bubblewrap (not found))", True),
    ],
)
def test_drafts_or_builds_without_walls_of_their_own_are_told(sandbox, weak):
    report = StatusReport(
        version="",
        uptime=0,
        states={},
        queue=0,
        ports_free=0,
        sandbox=sandbox,
        proxy=Check(name="proxy", ok=True),
        runtime=Check(name="runtime", ok=True),
        ready=True,
    )
    assert report.weak is weak
