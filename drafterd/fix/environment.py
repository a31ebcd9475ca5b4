"""The variables that a build or an instance gets by its environment: the author's, the operator's, ours."""

import re
from collections.abc import Mapping
from pathlib import Path

from blake3 import blake3

from drafterd import files
from drafterd.domain.model import Site
from drafterd.fix import env_files, package
from drafterd.fix.folder import READ_LIMIT, Folder, beneath
from drafterd.fix.settings import FixSettings

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
# What steers our own tools; a draft may not set it for them.
_KEPT_FROM_TOOLS = re.compile(
    r"(?:PATH|HOME|USER|LOGNAME|SHELL|ENV|BASH_ENV|TMPDIR|IFS|HOSTNAME|NODE_OPTIONS|NODE_PATH|NODE_ENV"
    r"|NODE_EXTRA_CA_CERTS|(?:LD|DYLD|DRAFT|DRAFTERD|NEXT_PRIVATE|__NEXT)_.*|npm_.*)\Z",
    re.IGNORECASE,
)


def read_beneath(root: Path, name: str) -> bytes | None:
    """The bytes of a plain file in `root`; None where there is none that may be read."""
    try:
        with beneath(root, name) as path:
            return files.read_regular(path, limit=READ_LIMIT)
    except OSError:
        return None


def author_values(root: Path, seed: Mapping[str, str] | None = None) -> dict[str, str]:
    """The author's variables, read now."""
    return env_files.read_values(lambda name: read_beneath(root, name), seed or {})


def author_digest(folder: Folder, values: Mapping[str, str]) -> str:
    """The hash of the author's own variables: another hash is another build."""
    hasher = blake3()
    found = {**values, **env_files.author_values(folder)}
    for name, value in sorted(found.items()):
        hasher.update(f"{len(name)} {len(value)} {name}{value}".encode(errors="surrogatepass"))
    return hasher.hexdigest(length=16)


def owned(site: Site, *, signs_in: bool) -> dict[str, str]:
    """The variables that are facts of the host.

    Under a path, next-auth 4 wants the whole path of its routes, Auth.js 5 the one without the prefix;
    with less, next-auth's guard lets everybody in. A draft that does not sign people in uses
    NEXTAUTH_URL as its own address.
    """
    path = bool(site.base_path)
    routes = "/api/auth" if path and signs_in else ""
    return {
        "PORT": str(site.port),
        "NEXTAUTH_URL": f"{site.origin}{site.base_path}{routes}",
        "AUTH_URL": f"{site.origin}/api/auth" if path else site.origin,
    }


def merged(draft: str, site: Site, settings: FixSettings, root: Path, found: Mapping[str, str]) -> dict[str, str]:
    """All variables for one place. Never an empty one: it would hide the author's files.

    `found` are values that stand in the source only.
    """
    facts = owned(site, signs_in=_signs_in(root))
    url = f"{site.origin}{site.base_path}"
    operator = settings.render(draft=draft, port=site.port, url=url, path=site.base_path)
    author = {**found, **author_values(root, facts)}
    values = {"AUTH_TRUST_HOST": "true", **operator}
    for name, value in author.items():
        if name not in values or not env_files.is_placeholder(value):
            values[name] = value
    return {name: value for name, value in {**values, **facts}.items() if value and _usable(name, value)}


def _signs_in(root: Path) -> bool:
    """Whether the draft depends on next-auth or Auth.js."""
    data = read_beneath(root, package.NAME)
    try:
        names = package.parse(data).dependencies if data else {}
    except package.BadPackage:
        return False
    return any(name == "next-auth" or name.startswith("@auth/") for name in names)


def _usable(name: str, value: str) -> bool:
    return bool(_NAME.match(name)) and "\0" not in value and not _KEPT_FROM_TOOLS.match(name)
