"""What etc/ brings for the operator's own tools: every metric it names is one that is told, and logrotate understands it."""

import getpass
import json
import re
import shutil
import subprocess
from pathlib import Path

import aiohttp
import pytest
import yaml

from tests.builders import eventually
from tests.server import Server, node_server

ETC = Path(__file__).parents[2] / "etc"
NAME = re.compile(r"\b(?:drafterd|traefik)_\w+")


def named() -> set[str]:
    """The metrics in alerts and dashboard."""
    rules = yaml.safe_load((ETC / "monitoring" / "drafterd.rules.yml").read_text())
    said = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    board = json.loads((ETC / "monitoring" / "grafana-dashboard.json").read_text())
    said += [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
    return {name for expression in said for name in NAME.findall(expression)}


async def test_each_request_is_noted_where_that_is_asked_for(tmp_path: Path):
    log = tmp_path / "access.log"
    server = Server(tmp_path)
    server.config["proxy"]["access_log"] = str(log)
    async with server:
        await server.visit("/api/draft/nobody/")
        await eventually(lambda: log.exists() and "/api/draft/nobody/" in log.read_text())
    assert all(json.loads(line)["RequestMethod"] for line in log.read_text().splitlines())


async def test_every_metric_that_alerts_and_the_dashboard_name_is_told(tmp_path: Path):
    async with Server(tmp_path) as server, aiohttp.ClientSession() as client:
        server.drop("hello", node_server())
        await server.until("hello", "ready")
        await server.visit("/api/draft/hello/")
        assert {name for name in named() if name.startswith("traefik_")}, "the real Traefik is asked for its own"

        async def untold() -> set[str]:
            told: set[str] = set()
            for url in (f"{server.api}/metrics", f"{server.dashboard}/metrics"):
                async with client.get(url) as answer:
                    text = await answer.text()
                told |= set(re.findall(r"^(\w+?)(?:\{.*\})? \S+$", text, re.MULTILINE))
            return named() - told

        async def complete() -> bool:
            # No draft has a problem: none is told of.
            return await untold() <= {"drafterd_problems"}

        await eventually(complete, within=20)


@pytest.mark.skipif(shutil.which("logrotate") is None, reason="logrotate is not installed (tests/packages)")
def test_logrotate_keeps_traefiks_access_log_small(tmp_path: Path):
    log, told = tmp_path / "access.log", tmp_path / "told"
    log.write_text("a line\n")
    text = (ETC / "logrotate").read_text()
    for before, after in {
        "/var/log/drafterd-traefik/access.log": str(log),
        "drafterd-traefik drafterd-traefik": f"{getpass.getuser()} {getpass.getuser()}",
        "systemctl kill --signal=USR1 --kill-whom=main drafterd-traefik.service": f"touch {told}",
    }.items():
        assert before in text
        text = text.replace(before, after)
    (tmp_path / "drafterd").write_text(text)
    tmp_path.chmod(0o700)
    argv = ["logrotate", "--force", "--verbose", f"--state={tmp_path}/state", str(tmp_path / "drafterd")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "error" not in done.stderr
    assert (tmp_path / "access.log.1").read_text() == "a line\n"
    assert (log.read_text(), log.stat().st_mode & 0o777) == ("", 0o640)
    assert told.exists(), "Traefik is told to open its log anew"
