"""Keeps secrets out of reports: a value becomes its name and its length."""

import re
from collections.abc import Mapping

from drafterd.domain.masking import PUBLIC, is_harmless
from drafterd.domain.outputs import is_public

_SHORTEST = 6
_CREDENTIAL = re.compile(
    r"""\b(?:gsk_[A-Za-z0-9]{16,}|GOCSPX-[\w-]{16,}|sk-[\w-]{16,}|gh[pousr]_\w{20,}|xox[abprs]-[\w-]{10,}
    |AKIA[A-Z0-9]{16}|AIza[\w-]{30,}|[sr]k_live_\w{16,}|whsec_\w{24,}|github_pat_\w{20,}|SG\.[\w-]{20,}\.[\w-]{20,})|(?<=://)[^\s:/@"'`]+:[^\s/@"'`]+(?=@)""",
    re.VERBOSE,
)


def shows(name: str) -> bool:
    """Whether the value of variable `name` may be shown."""
    return name in PUBLIC or is_public(name)


def covered(name: str, value: str) -> str:
    """What stands for a secret value."""
    return value if shows(name) or not value else f"<{name}: {len(value)} characters>"


class Mask:
    """Replaces the values it was given, and whatever has a credential's shape."""

    def __init__(self, values: Mapping[str, str]) -> None:
        hidden = {
            value: name
            for name, value in values.items()
            if not shows(name) and len(value) >= _SHORTEST and not is_harmless(value)
        }
        self._values = sorted(hidden.items(), key=lambda item: -len(item[0]))

    def __call__(self, text: str) -> str:
        """`text` without secrets."""
        for value, name in self._values:
            text = text.replace(value, covered(name, value))
        return _CREDENTIAL.sub(lambda found: f"<secret: {len(found[0])} characters>", text)
