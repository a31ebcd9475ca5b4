"""The variables that a build or an instance gets by its environment: the author's, the operator's, ours."""

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path

from blake3 import blake3

from drafterd import files
from drafterd.domain.model import Site
from drafterd.domain.steering import steers
from drafterd.fix import env_files, package, scripts
from drafterd.fix.folder import READ_LIMIT, Folder, beneath
from drafterd.fix.literal_values import LOCAL_ADDRESS, is_own_address
from drafterd.fix.settings import DEFAULT_PORT, FixSettings

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
# What steers our own tools; a draft may not set it for them.
_KEPT_FROM_TOOLS = re.compile(
    r"(?:PATH|HOME|USER|LOGNAME|SHELL|HOSTNAME|NODE_ENV|NODE_EXTRA_CA_CERTS"
    r"|(?:DRAFT|DRAFTERD|NEXT_PRIVATE|__NEXT)_.*|npm_.*)\Z",
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
    its_package = _package(root)
    facts = owned(site, signs_in=_signs_in(its_package))
    url = f"{site.origin}{site.base_path}"
    operator = settings.render(draft=draft, port=site.port, url=url, path=site.base_path)
    author = {**found, **author_values(root, facts)}
    ports = _own_ports(root, site, its_package)
    values = {"AUTH_TRUST_HOST": "true", **operator}
    for name, value in author.items():
        if name not in values or not env_files.is_placeholder(value):
            values[name] = at_home(value, url, ports)
    return {name: value for name, value in {**values, **facts}.items() if value and _usable(name, value)}


def _package(root: Path) -> package.Package | None:
    data = read_beneath(root, package.NAME)
    try:
        return package.parse(data) if data else None
    except package.BadPackage:
        return None


def _signs_in(its_package: package.Package | None) -> bool:
    """Whether the draft depends on next-auth or Auth.js."""
    names = its_package.dependencies if its_package else {}
    return any(name == "next-auth" or name.startswith("@auth/") for name in names)


def _own_ports(root: Path, site: Site, its_package: package.Package | None) -> frozenset[int]:
    """Where the draft believes to listen. A Vite app means somebody else by port 3000."""
    lines = its_package.scripts.values() if its_package else ()
    usual = () if its_package and "vite" in its_package.dependencies else (DEFAULT_PORT,)
    named = env_files.named_ports(lambda name: read_beneath(root, name))
    return named.union(usual, (site.port,), *(scripts.ports(line) for line in lines))


def at_home(value: str, url: str, ports: AbstractSet[int]) -> str:
    """A variable's value; an address that is the draft's own by hand becomes the one that people use.

    A build puts some of them into the pages, and a browser knows nothing of the draft's port.
    """
    found = LOCAL_ADDRESS.match(value)
    return f"{url}{value[found.end() :]}" if found and is_own_address(value, ports) else value


def _usable(name: str, value: str) -> bool:
    return bool(_NAME.match(name)) and "\0" not in value and not steers(name) and not _KEPT_FROM_TOOLS.match(name)
