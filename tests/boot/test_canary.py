"""Users and secrets, after all that has happened: who runs what, and that no secret is where it does not belong."""

import asyncio
import contextlib
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psutil
import pytest

from tests.boot import canaries, hostile
from tests.boot.canaries import CREDENTIALS, DRAFTS, GIVEN, OPERATOR, OPERATOR_VALUES, PASSWORDS, Found, Search, Watch
from tests.boot.installed import API, SERVICES, SITE, Installed

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

EVERYTHING = ("/etc", "/var", "/run", "/srv", "/tmp", "/root", "/home")
PASSED = "/run/credentials/drafterd.service/credentials.env"
TOKEN = "/var/lib/drafterd/token"
BIND_PORTS = 1 << 10
"""CAP_NET_BIND_SERVICE"""

BUILDS = r"environment of (bwrap|enter|npm.*|node|MainThread|sh|python3?|slirp4netns|loud|fails|sealed|spy)"
"""Where values may be while a draft is built: never in arguments, never in a process of ours."""

HOMES: Mapping[str, Sequence[str]] = {
    **{name: [re.escape(place)] for name, place in OPERATOR.items()},
    **{
        name: [
            re.escape(CREDENTIALS),
            re.escape(PASSED),
            r"environment of (hello|second|spy|loud|sealed)",
            r"/var/lib/drafterd/instances/\w+\.r1\.json",
        ]
        for name in GIVEN
    },
    "configured": [
        re.escape(canaries.SETTINGS),
        r"environment of loud",
        r"/var/lib/drafterd/instances/loud\.r1\.json",
    ],
    "password in a file": [re.escape(canaries.PASSWORD_FILE)],
    "password that was typed": [],
    "key of server actions": [
        r"/var/lib/drafterd/drafts/sealed/action-key",
        r"environment of sealed",
        r"/var/lib/drafterd/instances/sealed\.r1\.json",
    ],
    "share key": [r"/var/lib/drafterd/access/loud\.json"],
    "certificate's key": [r"/var/lib/drafterd/routes/certificate/default\.pem"],
    **{
        f"draft {draft}": [
            rf"/srv/drafts/{draft}/\.env\.local",
            rf"environment of {draft}",
            rf"/var/lib/drafterd/instances/{draft}\.r1\.json",
        ]
        for draft in DRAFTS
    },
    "token": [re.escape(TOKEN)],
}
"""Where each secret may be, the place where it was put first; the documents name all of them."""


def astray(found: Iterator[Found]) -> list[Found]:
    """Secrets that are where they do not belong."""
    return [one for one in found if not any(re.fullmatch(home, one.place) for home in HOMES[one.secret])]


def search(server: Installed) -> Search:
    """For all secrets, also for those that drafterd has made."""
    key = server.at("/var/lib/drafterd/drafts/sealed/action-key")
    pem = server.at("/var/lib/drafterd/routes/certificate/default.pem").read_text()
    return Search(
        **{
            "token": server.at(TOKEN).read_text().strip(),
            **({"key of server actions": key.read_text().strip()} if key.exists() else {}),
            "share key": json.loads(server.at("/var/lib/drafterd/access/loud.json").read_text())["key"],
            "certificate's key": pem.partition("PRIVATE KEY-----\n")[2].splitlines()[1],
        }
    )


def service(process: psutil.Process) -> str:
    """The service of systemd that it belongs to; empty if to none."""
    found = re.search(r"/([\w-]+\.service)", Path(f"/proc/{process.pid}/cgroup").read_text())
    return found[1] if found else ""


def capabilities(process: psutil.Process) -> set[int]:
    """All sets of those that it could use."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return {int(held, 16) for held in re.findall(r"^Cap(?:Prm|Eff|Amb):\s+([0-9a-f]+)$", status, re.MULTILINE)}


async def test_hostile_drafts_run(server: Installed) -> None:
    await canaries.configure(server)
    await server.run("systemctl", "restart", "drafterd.service")
    typed = PASSWORDS["password that was typed"]
    await server.run("/opt/drafterd/bin/drafterd", "protect", "loud", "--stdin", given=f"{typed}\n".encode())
    server.drop("guarded", {"index.html": "guarded"})
    async with Watch(search(server), server) as watch:
        for files in (hostile.spy, hostile.loud, hostile.sealed, hostile.fails):
            server.drop(files.__name__, files())
        for draft in ("spy", "loud", "sealed", "guarded"):
            await server.until(draft, "ready")
        problem = (await server.until("fails", "failed"))["problem"]
    assert problem["code"] == "build-failed"
    assert "[SECRET_OF_MINE]" in json.dumps(problem), "masked by its name"
    strays = {one.place for one in astray(iter(watch.found))}
    assert {place for place in strays if not re.fullmatch(BUILDS, place)} == set()
    assert "bwrap" in watch.seen, "it did look while they were built"
    assert {"node", "MainThread"} & watch.seen, "Node.js, as it names itself before 22 and from there on"


async def test_a_spy_finds_what_it_is_given_and_nothing_else(server: Installed) -> None:
    status, text = await server.visit("/api/draft/spy/")
    assert status == 200, text
    said = json.loads(text)
    values = [*OPERATOR_VALUES.values(), *GIVEN.values(), *DRAFTS.values()]
    names = {hashlib.sha256(value.encode()).hexdigest(): value for value in values}
    given = {*GIVEN.values(), DRAFTS["spy"]}
    for step, may in (("install", set()), ("build", given), ("run", given)):
        assert {names[found] for _, found in said[step]["found"]} == may, step
        assert {re.sub(r"\d+", "N", place) for place, _ in said[step]["found"]} <= {"/proc/N/environ"}, step
        assert said[step]["seen"] > 500, "it did look around"
        assert said[step]["user"] == 1000, "one of the walls, nobody's here"
        assert set(said[step]["groups"]) <= {1000, 65534}, step
        assert not re.search(r"supervisord|traefik|drafterd run|hello", " ".join(said[step]["others"])), step
        sockets = {place: got for place, got in said[step]["asked"].items() if place.startswith("/")}
        assert set(sockets.values()) == {"ENOENT"}, step
        log = said[step]["asked"]["8740/api/v1/drafts/hello/log"]
        assert log == (401 if step == "run" else "ECONNREFUSED"), step


async def test_secrets_are_in_no_other_file_and_process(server: Installed) -> None:
    sought = search(server)
    found = [*sought.files(server, *EVERYTHING), *sought.processes(server)]
    assert astray(iter(found)) == []
    for name, homes in HOMES.items():
        assert not homes or any(one.secret == name and re.fullmatch(homes[0], one.place) for one in found), (
            f"not looked at: {name}"
        )


async def test_secrets_are_in_no_journal_and_no_unit(server: Installed) -> None:
    sought = search(server)
    for argv in (
        ("journalctl", "--output=export", "--all"),
        ("systemctl", "show", "drafterd*"),
    ):
        text = await server.run(*argv)
        assert "drafterd" in text
        assert astray(sought.inside(text.encode(), " ".join(argv))) == []


async def test_all_that_the_daemon_says_is_json(server: Installed) -> None:
    said = await server.run("journalctl", "_SYSTEMD_UNIT=drafterd.service", "--output=cat")
    lines = [json.loads(line) for line in said.splitlines()]
    assert all({"event", "level", "timestamp"} <= line.keys() for line in lines)
    ended = [line for line in lines if line["event"] == "build.finished"]
    assert all({"draft", "build"} <= line.keys() for line in ended)
    assert {"hello", "spy", "fails"} <= {line["draft"] for line in ended}


async def test_the_configuration_is_closed_to_others(server: Installed) -> None:
    assert (await server.run("stat", "--format=%a %U %G", canaries.SETTINGS)).strip() == "640 root drafterd"


async def test_logs_of_drafts_are_closed_to_others(server: Installed) -> None:
    logs = server.at("/var/log/drafterd")
    modes = {path.name: path.stat().st_mode & 0o777 for path in logs.iterdir()}
    assert "[SECRET_OF_MINE]" in (logs / "loud.r1.log").read_text(errors="replace"), "masked as it was written"
    assert {name: mode for name, mode in modes.items() if mode & 0o007} == {}
    assert logs.stat().st_mode & 0o007 == 0


async def test_secrets_are_in_no_word_of_the_command_line(server: Installed) -> None:
    sought = search(server)
    for argv in (
        ("ls",),
        ("routes", "--json"),
        ("doctor", "--json"),
        ("config", "show", "--config", canaries.SETTINGS),
        *((word, draft) for draft in ("spy", "loud", "sealed", "fails") for word in ("show", "fixes")),
        *(("logs", draft, "--build") for draft in ("spy", "loud", "sealed", "fails")),
        ("logs", "loud"),
        ("logs", "fails", "--build", "--errors"),
    ):
        text = await server.drafterd(*argv, check=False)
        assert text.strip(), argv
        assert astray(sought.inside(text.encode(), " ".join(argv))) == []


async def test_secrets_are_in_no_stream(server: Installed) -> None:
    sought, token = search(server), server.at(TOKEN).read_text().strip()
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
    urls = [
        *(f"{API}/api/v1/drafts/{draft}/builds/1/log" for draft in ("spy", "loud", "sealed", "fails")),
        *(f"{API}/drafts/{draft}/log" for draft in ("spy", "loud", "sealed", "fails")),
        f"{SITE}/api/draft/fails/_drafterd/events",
    ]
    # Nothing is built any more, and nothing changes.
    quiet, streamed = ("/spy/log", "/loud/log", "/sealed/log", "/fails/log", "/_drafterd/events"), 0
    async with server.session(headers=headers) as client:
        for url in urls:
            data = b""
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(3), client.get(url) as answer:
                    streamed += answer.content_type == "text/event-stream"
                    async for piece in answer.content.iter_any():
                        data += piece
            assert astray(sought.inside(data, url)) == []
            assert data or url.endswith(quiet), url
    assert streamed == len(urls)


async def test_secrets_are_in_no_answer(server: Installed) -> None:
    token, sought = server.at(TOKEN).read_text().strip(), search(server)
    of_drafts = ("", "/fixes", "/access", "/log", "/builds", "/builds/1", "/builds/1/log", "/builds/1/log?format=json")
    paths = [
        *(f"/drafts/{draft}" for draft in DRAFTS),
        *("/", "/metrics", "/openapi.json", "/healthz?verbose", "/api/v1/status", "/api/v1/drafts"),
        *("/api/v1/routes", "/api/v1/queue"),
        *(f"/api/v1/drafts/{draft}{path}" for draft in DRAFTS for path in of_drafts),
    ]
    urls = [
        *(API + path for path in paths),
        *(f"{SITE}/api/draft/{draft}/" for draft in DRAFTS if draft != "spy"),
        *("http://127.0.0.1:8742/api/rawdata", "http://127.0.0.1:8742/metrics", "http://127.0.0.1:8741/"),
    ]
    answered = 0
    async with server.session() as client:
        for headers in ({}, {"Authorization": f"Bearer {token}"}):
            for url in urls:
                async with client.get(url, headers=headers) as answer:
                    data = b"\n".join([repr(answer.headers).encode(), await answer.read()])
                    assert astray(sought.inside(data, url)) == []
                    answered += answer.status == 200
    assert answered > len(urls)


async def test_each_part_is_a_user_of_its_own(server: Installed) -> None:
    """Supervisord and drafts are not the daemon's user, nor the proxy's; none of them is root or can become it."""
    users = {}
    for line in server.at("/etc/passwd").read_text().splitlines():
        name, _, number, *_ = line.split(":")
        users[int(number)] = name
    seen: dict[str, set[str]] = {}
    for process in server.processes():
        with contextlib.suppress(psutil.Error, OSError):  # it has ended
            unit = service(process)
            seen.setdefault(unit, set()).update(users[number] for number in process.uids())
            if unit in SERVICES:
                may = BIND_PORTS if "traefik" in unit else 0
                assert capabilities(process) <= {0, may}, process.cmdline()
    seen = {unit: names for unit, names in seen.items() if unit in SERVICES}
    assert seen == {
        "drafterd.service": {"drafterd"},
        "drafterd-supervisor.service": {"drafterd-run"},
        "drafterd-traefik.service": {"drafterd-traefik"},
    }
