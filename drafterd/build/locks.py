"""Makes a snapshot fit for the package manager that installs it: what npm does by itself, others need.

Only the build's own copy is changed.
"""

import re
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from drafterd import files
from drafterd.build.managers import Manager

_SIZE_MAX = 50_000_000
WORKSPACE = "pnpm-workspace.yaml"
OWN_WORKSPACE = b"packages:\n  - '.'\n"
"""A workspace of the draft alone."""

# The address of a package as registries form it, plain or as a part of a berry lock's name.
_TARBALL = re.compile(
    r"https?://[\w.:-]{1,253}/(?:[\w.~@%-]+/){0,8}?"
    r"(?P<file>(?:@[\w.~-]+(?:/|%2[fF]))?[\w.~-]+/-/[\w.~+-]+\.tgz)"
)
_ENCODED = re.compile(
    r"(?P<before>__archiveUrl=)(?P<address>https?%3A%2F%2F(?:[\w.~-]|%3A|%40|%2F)+?%2F"
    r"(?P<file>(?:%40[\w.~-]+%2F)?[\w.~-]+%2F-%2F[\w.~+-]+\.tgz))",
    re.IGNORECASE,
)
_PUBLIC = ("https://registry.npmjs.org/", "https://registry.yarnpkg.com/")
"""Two names of one registry: locks may name either."""


def fit(source: Path, manager: Manager, *, registry: str) -> tuple[str, ...]:
    """Change what would keep a manager from installing here; what was changed, for the log.

    Args:
        registry: The address from which everything is fetched.
    """
    if manager.tool == "pnpm" and not (source / WORKSPACE).exists():
        # Else a workspace in a folder above would be installed instead.
        files.write_atomic(source / WORKSPACE, OWN_WORKSPACE, sync=False)
    if manager.berry and not (source / "yarn.lock").exists():
        files.write_atomic(source / "yarn.lock", b"", sync=False)  # for the same reason
    redirected = [name for name in manager.locks if manager.fetched and _redirected(source / name, registry)]
    return tuple(
        f"{name} names another registry: {urlsplit(registry).hostname} is asked instead" for name in redirected
    )


def _redirected(path: Path, registry: str) -> bool:
    """Let a lock file name our registry. Checksums stay: what is fetched must be what was locked."""
    try:
        data = files.read_regular(path, limit=_SIZE_MAX)
        text = data.decode()
    except (OSError, UnicodeDecodeError):
        return False
    changed = redirect(text, registry)
    if changed == text:
        return False
    files.write_atomic(path, changed.encode(), sync=False)
    return True


def redirect(text: str, registry: str) -> str:
    """The text of a lock file with the addresses of packages in another registry replaced by those in ours."""
    base = registry.rstrip("/") + "/"
    ours = _PUBLIC if base in _PUBLIC else (base,)

    def plain(found: re.Match[str]) -> str:
        return found[0] if found[0].startswith(ours) else base + found["file"]

    def encoded(found: re.Match[str]) -> str:
        if unquote(found["address"]).startswith(ours):
            return found[0]
        return found["before"] + quote(base + unquote(found["file"]), safe="")

    return _ENCODED.sub(encoded, _TARBALL.sub(plain, text))
