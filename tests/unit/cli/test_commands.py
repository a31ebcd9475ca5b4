"""Every command has its help; wrong use is exit code 2; what needs no daemon works without one."""

import json
import subprocess
import sys

import pytest
import yaml
from typer.testing import CliRunner

from drafterd import __version__
from drafterd.cli import app
from drafterd.cli.up import put_sample

COMMANDS = [
    "up",
    "run",
    "ls",
    "show",
    "logs",
    "routes",
    "queue",
    "fixes",
    "build",
    "wait",
    "cancel",
    "start",
    "stop",
    "restart",
    "rollback",
    "rm",
    "protect",
    "share",
    "publish",
    "fix",
    "explain",
    "doctor",
    "health",
    "version",
    "install",
    "uninstall",
    "config",
]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*words):
    return CliRunner().invoke(app, list(words))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_what_it_does(command):
    result = call(command, "--help")
    assert result.exit_code == 0
    assert command in result.stdout


def test_there_is_no_command_that_is_not_tested_here():
    registered = {info.name or getattr(info.callback, "__name__", "") for info in app.registered_commands}
    assert registered | {"config"} == set(COMMANDS)


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["ls", "--nonsense"],
        ["ls", "--state", "nonsense"],
        ["show"],
        ["wait", "hello", "--timeout", "-1"],
        ["fix", "no-such-folder"],
        ["ls", "--url", "nonsense"],
        ["install"],
        ["uninstall", "now"],
    ],
)
def test_wrong_use_is_exit_code_2(words):
    result = call(*words)
    assert result.exit_code == 2
    assert result.stdout == ""


@pytest.mark.parametrize(
    "words",
    [
        ["ls"],
        ["ls", "--json"],
        ["show", "hello"],
        ["logs", "hello"],
        ["routes"],
        ["queue"],
        ["health"],
        ["rm", "hello"],
    ],
)
def test_without_a_daemon_it_is_exit_code_5(words, folder):
    result = call(*words, "--socket", str(folder / "none.sock"))
    assert result.exit_code == 5
    assert result.stdout == ""
    assert "drafterd up" in result.stderr


def test_version():
    assert call("version").stdout == f"drafterd {__version__}\n"
    assert call("--version").stdout == f"drafterd {__version__}\n"
    assert json.loads(call("version", "--json").stdout)["version"] == __version__


def test_config_show_masks_and_can_be_loaded_again(folder):
    (folder / "c.yaml").write_text("env: {MY_TOKEN: hush}\nsettle: 5s\n")
    result = call("config", "show", "--config", "c.yaml")
    assert result.exit_code == 0
    assert "hush" not in result.stdout
    assert yaml.safe_load(result.stdout)["settle"] == "5s"
    as_json = call("config", "show", "--config", "c.yaml", "--json")
    assert json.loads(as_json.stdout) == yaml.safe_load(result.stdout)


def test_config_check(folder):
    assert call("config", "check").exit_code == 0
    (folder / "c.yaml").write_text("settel: 5s\nports: {first: x}\n")
    result = call("config", "check", "--config", "c.yaml")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "c.yaml: settel: unknown key, did you mean settle?" in result.stderr
    assert "c.yaml: ports.first: found 'x'" in result.stderr


def test_config_schema_is_a_json_schema():
    assert json.loads(call("config", "schema").stdout)["additionalProperties"] is False


def test_up_and_run_stop_at_a_bad_configuration(folder):
    (folder / "c.yaml").write_text("settle: soon\n")
    for command in ("up", "run"):
        # A process of its own: `run` sets up all that its process logs.
        words = [sys.executable, "-m", "drafterd", command, "--config", "c.yaml"]
        result = subprocess.run(words, capture_output=True, text=True, check=False)
        assert result.returncode == 1
        assert "settle: found 'soon'" in result.stderr
    assert not (folder / ".drafterd").exists()


def static(folder):
    (folder / "page").mkdir()
    (folder / "page/index.html").write_text("<h1>x</h1>")
    return folder / "page"


def test_fix_of_a_good_folder_changes_nothing(folder):
    static(folder)
    for option in ("--check", "--diff", "--dry-run"):
        assert call("fix", "page", option).exit_code == 0
    assert call("fix", "page").exit_code == 0
    assert [path.name for path in (folder / "page").iterdir()] == ["index.html"]


def server(folder):
    made = folder / "srv"
    made.mkdir()
    (made / "package.json").write_text('{"name":"srv","scripts":{"start":"PORT=3000 node server.js"}}\n')
    (made / "server.js").write_text("require('http').createServer((q, r) => r.end('x')).listen(process.env.PORT)\n")
    return made


def test_fix_check_and_diff_change_nothing_and_say_what_would(folder):
    made = server(folder)
    before = {path.name: path.read_bytes() for path in made.iterdir()}
    assert call("fix", "srv", "--check").exit_code == 1
    diff = call("fix", "srv", "--diff")
    assert diff.exit_code == 0
    assert "+++ b/package.json" in diff.stdout
    assert {path.name: path.read_bytes() for path in made.iterdir()} == before


def test_fix_changes_once(folder):
    server(folder)
    first = call("fix", "srv", "--json")
    assert first.exit_code == 0
    found = json.loads(first.stdout)
    assert found["kind"] == "node"
    assert found["written"]
    assert {edit["file"] for edit in found["edits"]} >= {"package.json"}
    assert call("fix", "srv", "--check").exit_code == 0


def test_fix_of_what_cannot_be_built_is_exit_code_1(folder):
    (folder / "empty").mkdir()
    result = call("fix", "empty")
    assert result.exit_code == 1
    assert "error:" in result.stderr


def test_explain_says_how_it_would_be_built_and_changes_nothing(folder):
    made = server(folder)
    before = sorted(path.name for path in made.iterdir())
    result = call("explain", "srv")
    assert result.exit_code == 0
    lines = {line[:9].rstrip(): line[10:] for line in result.stdout.splitlines()}
    assert lines["kind"].startswith("node: ")
    assert lines["made with"] == "Node.js"
    assert (lines["install"], lines["build"], lines["serve"]) == ("nothing", "nothing", "node server.js")
    assert lines["address"] == "http://localhost:8080/api/draft/srv"
    assert lines["also at"].startswith("http://srv.localhost:8080/")
    assert "takes the prefix" in lines["path"]
    assert lines["start in"] == "60 s until it answers"
    assert sorted(path.name for path in made.iterdir()) == before
    assert json.loads(call("explain", "srv", "--json").stdout)["recipe"]["kind"] == "node"


@pytest.mark.parametrize(
    ("files", "rows"),
    [
        (
            {"package.json": '{"devDependencies":{"vite":"7"},"scripts":{"build":"vite build"}}'},
            {"kind": "static: 'vite'", "build": "npm run build", "serve": "the files of dist", "path": "built for"},
        ),
        (
            {"package.json": '{"devDependencies":{"@angular/cli":"20"},"scripts":{"build":"ng build"}}'},
            {"made with": "Angular", "build": "npm run build -- --base-href={base}/"},
        ),
        ({"package.json": '{"dependencies":{"next":"16"}}'}, {"kind": "nextjs", "serve": "node server.js, as Next.js"}),
        ({"package.json": '{"dependencies":{"nuxt":"4"}}'}, {"serve": "node .output/server/index.mjs; if the build"}),
        ({"index.html": ""}, {"install": "nothing", "serve": "the files of the folder", "path": "files know no"}),
    ],
)
def test_explain_says_it_of_each_kind(folder, files, rows):
    made = folder / "some"
    made.mkdir()
    for name, text in files.items():
        (made / name).write_text(text)
    shown = {line[:9].rstrip(): line[10:] for line in call("explain", "some").stdout.splitlines()}
    for name, start in rows.items():
        assert shown[name].startswith(start)
    found = json.loads(call("explain", "some", "--json").stdout)
    assert found["framework"] == found["recipe"]["framework"]
    assert found["urls"][0] == "http://localhost:8080/api/draft/some"


def test_explain_of_a_workspace_names_the_folder_to_drop(folder):
    (folder / "many/apps/web").mkdir(parents=True)
    (folder / "many/package.json").write_text('{"workspaces":["apps/*"]}')
    (folder / "many/apps/web/package.json").write_text('{"dependencies":{"next":"16"}}')
    result = call("explain", "many")
    assert result.exit_code == 1
    assert "apps/web" in result.stderr


def test_the_sample_is_put_once_and_whole(folder):
    drafts = folder / "drafts"
    drafts.mkdir()
    half = drafts / ".draft-tmp-hello"
    half.mkdir()
    (half / "left").write_text("by a kill")
    put_sample(drafts)
    assert (drafts / "hello/package.json").is_file()
    assert not (drafts / "hello/left").exists()
    (drafts / "hello/package.json").write_text("mine")
    put_sample(drafts)
    assert (drafts / "hello/package.json").read_text() == "mine"
    assert [path.name for path in drafts.iterdir()] == ["hello"]
