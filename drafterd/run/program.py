"""The text of a supervisord program: checked ids and paths only, never a word of a draft.

Apart, because one bad value makes supervisord refuse every later reload, or run a second program.
"""

import re
import sys
from pathlib import Path

from drafterd import resources
from drafterd.domain.errors import ConfigError

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", re.ASCII)
_UNSAFE = re.compile(r"""[\x00-\x1f\x7f"'\\;*?\[]|%\(|\s#|^\s|\s$""")
_LAUNCHER = Path(__file__).with_name("launch.py")


def checked_path(path: Path, *, expansions: int = 1) -> str:
    """The path as supervisord's parser will read it back unchanged: `%` doubled at each of its expansions.

    Raises:
        ConfigError: It is relative, or holds a character that the parser has no escape for.
    """
    text = str(path)
    if not path.is_absolute() or _UNSAFE.search(text):
        raise ConfigError(
            f"the path {text!a} cannot stand in supervisord's configuration",
            hint="choose an absolute path without quotes, backslashes, newlines and any of ; * ? [ %( #",
        )
    return text.replace("%", "%" * 2**expansions)


def program_text(name: str, *, spec: Path, log: Path, always_on: bool = False) -> str:
    """The ini file of one program that the launcher starts from `spec`.

    Args:
        name: An instance's id, or our own name of an always-on program.
        spec: The launch specification.
        log: Where its output goes, 2 MB and one older file.
        always_on: Started with supervisord and after every exit, until it is removed.

    Raises:
        ConfigError: A path cannot be written there.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{name!a} is no name of a program")
    return (
        resources.templates(html=False)
        .get_template("program.conf")
        .render(
            name=name,
            python=checked_path(Path(sys.executable)),
            launcher=checked_path(_LAUNCHER),
            spec=checked_path(spec),
            log=checked_path(log, expansions=2),  # it expands this one value twice
            always_on=always_on,
        )
    )
