"""The ini text, read back by supervisord's own parser."""

import io
import shlex
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from supervisor.options import UnhosedConfigParser

from drafterd.domain.errors import ConfigError
from drafterd.run.program import checked_path, program_text


def read_back(text: str, option: str, *, name: str = "demo.r1") -> str:
    parser = UnhosedConfigParser()
    parser.read_file(io.StringIO(text))
    parser.expand_here("/here")
    assert parser.sections() == [f"program:{name}"]
    return str(parser.saneget(f"program:{name}", option))


def test_the_command_names_the_launcher_and_the_specification():
    text = program_text("demo.r1", spec=Path("/a b/100%/demo.r1.json"), log=Path("/log/demo.r1.log"))
    words = shlex.split(read_back(text, "command"))
    assert words[0] == sys.executable
    assert words[1:3] == ["-I", "-S"]
    assert Path(words[3]).name == "launch.py"
    assert words[4:] == ["/a b/100%/demo.r1.json"]


def test_an_instance_starts_only_when_asked_and_an_always_on_program_by_itself():
    folder = Path("/x")
    instance = program_text("demo.r1", spec=folder, log=folder)
    always = program_text("traefik", spec=folder, log=folder, always_on=True)
    assert (read_back(instance, "autostart"), read_back(instance, "autorestart")) == ("false", "unexpected")
    assert (read_back(always, "autostart", name="traefik"), read_back(always, "autorestart", name="traefik")) == (
        "true",
        "true",
    )
    assert read_back(instance, "stopasgroup") == read_back(instance, "killasgroup") == "true"


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a/b", "a\n[program:evil]", "x" * 101, "ü", "-x", "a]"])
def test_a_name_that_is_none_is_refused(name: str):
    with pytest.raises(ConfigError):
        program_text(name, spec=Path("/x"), log=Path("/x"))


@pytest.mark.parametrize("path", ["rel", "/a\nb", '/a"b', "/a'b", "/a\\b", "/a;b", "/a #b", "/%(here)s", "/a*", "/a "])
def test_a_path_that_the_parser_would_change_is_refused(path: str):
    with pytest.raises(ConfigError):
        checked_path(Path(path))


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_whatever_path_is_taken_is_read_back_unchanged(text: str):
    path = Path("/") / text.replace("\0", "")
    try:
        ini = program_text("demo.r1", spec=path, log=Path("/log"))
    except ConfigError:
        return
    assert shlex.split(read_back(ini, "command"))[4:] == [str(path)]
