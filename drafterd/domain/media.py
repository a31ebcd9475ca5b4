"""What a file of a static draft is told to be, and how long it may be kept: by its name alone.

The same wherever it is served from: the daemon, a folder, a bucket. The machine's own tables are not
asked, as they differ.
"""

import mimetypes
import re
from collections.abc import Mapping

FOREVER = "public, max-age=31536000, immutable"
ASK = "no-cache"
"""How long a file may be kept."""

HASHED = (
    r"(?:^|/)(?:"
    r"_next/static/"  # Next.js
    r"|_astro/"  # Astro
    r"|_app/immutable/"  # SvelteKit
    r"|static/(?:js|css|media)/[^/]+\.[0-9a-f]{8,32}\.[^/]+$"  # Create React App
    r")(?!.*\.html?$)"
)
"""Names that frameworks give by what is in the file: of these alone it is sure."""

_HASHED = re.compile(HASHED, re.ASCII)

_TYPES = mimetypes.MimeTypes()
for _extension, _type in {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".cjs": "text/javascript",
    ".css": "text/css",
    ".html": "text/html",
    ".htm": "text/html",
    ".json": "application/json",
    ".map": "application/json",
    ".webmanifest": "application/manifest+json",
    ".wasm": "application/wasm",
    ".svg": "image/svg+xml",
    ".ico": "image/x-icon",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".ttf": "font/ttf",
    ".otf": "font/otf",
    ".mp4": "video/mp4",
    ".webm": "video/webm",
    ".mp3": "audio/mpeg",
    ".md": "text/plain",
    ".txt": "text/plain",
    ".xml": "application/xml",
    ".pdf": "application/pdf",
}.items():
    _TYPES.add_type(_type, _extension)

_TEXTS = frozenset({"application/json", "application/manifest+json", "application/xml", "image/svg+xml"})


def content_type(name: str) -> str:
    """The media type by the file's name; text is UTF-8."""
    kind = _TYPES.guess_type(f"x/{name}", strict=False)
    found = kind[0] if kind[0] and not kind[1] else None
    if found is None:
        return "application/octet-stream"
    return f"{found}; charset=utf-8" if found.startswith("text/") or found in _TEXTS else found


def cache_control(name: str) -> str:
    """For how long a file may be kept: for ever where its name changes with it, else ask each time."""
    return FOREVER if _HASHED.search(name) else ASK


def content_types() -> Mapping[str, str]:
    """The media types of all extensions that are known, without the dot."""
    names = sorted({name for table in _TYPES.types_map for name in table})
    return {name.removeprefix("."): content_type(f"x{name}") for name in names}
