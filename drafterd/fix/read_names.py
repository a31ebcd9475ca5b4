"""Which variables a draft's code reads, by their names: what `.env.example` has to list.

Nothing is changed by it, so the text is enough: a name in a comment is listed too.
"""

import re
from collections.abc import Iterator

from drafterd.fix.folder import Folder

_SOURCE = re.compile(r"\.(?:[cm]?[jt]s|[jt]sx|vue|svelte|astro|prisma)\Z")
_SIGNS = (b"process.env", b"import.meta.env", b"env(")
# Possessive: a stranger's text must not make them slow.
_NAME = rb"([A-Za-z_][A-Za-z0-9_]{0,99}+)"
_READ = re.compile(
    rb"\b(?:process|import\.meta)\.env(?:\s*+\??\.\s*+" + _NAME + rb"|(?:\?\.)?+\[\s*+(['\"])" + _NAME + rb"\2)"
)
_TAKEN_APART = re.compile(rb"\{([^{};]{1,2000}+)\}\s*+=\s*+(?:process|import\.meta)\.env\b(?!\s*+[.\[])")
_KEY = re.compile(rb"(?:\A|,)\s*+" + _NAME + rb"(?=\s*+(?:[:=,]|\Z))")
_PRISMA = re.compile(rb"\benv\(\s*+\"" + _NAME + rb"\"\s*+\)")
_MOST = 200
_SIZE = 1_000_000
# Set by tools and platforms, never by the author of an env file.
_NOBODYS = re.compile(
    r"(?:NODE_ENV|NODE_OPTIONS|HOSTNAME|HOST|HOME|PATH|PWD|TZ|CI|DEBUG|ANALYZE|MODE|DEV|PROD|SSR|BASE_URL|LEGACY"
    r"|(?:NEXT_RUNTIME|NEXT_PHASE|NEXT_MANUAL_SIG_HANDLE)|(?:VERCEL|NETLIFY|RAILWAY|RENDER|CF_PAGES|GITHUB|npm|__NEXT|NEXT_PRIVATE|DRAFT|DRAFTERD)(?:_.*)?)\Z"
)


def names_read(folder: Folder) -> list[str]:
    """The names in the order of files and places; those that tools set are left out."""
    found: dict[str, None] = {}
    for name in sorted(folder.names()):
        if _SOURCE.search(name):
            for each in _in(folder.read(name), schema=name.endswith(".prisma")):
                found.setdefault(each)
    return [name for name in found if not _NOBODYS.match(name)][:_MOST]


def _in(data: bytes | None, *, schema: bool) -> Iterator[str]:
    if data is None or len(data) > _SIZE or not any(map(data.__contains__, _SIGNS)):
        return
    if schema:
        yield from (found[1].decode() for found in _PRISMA.finditer(data))
        return
    places = [(found.start(), found[1] or found[3]) for found in _READ.finditer(data)]
    for found in _TAKEN_APART.finditer(data):
        places += [(found.start(1) + key.start(), key[1]) for key in _KEY.finditer(found[1])]
    yield from (name.decode() for _, name in sorted(places))
