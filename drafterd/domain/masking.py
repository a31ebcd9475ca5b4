"""Which values of variables are secrets, and how they are taken out of texts.

A secret is a value of eight characters and more that no page shows anyway. It is found as it is, in the
spellings that programs give it (in URLs, JSON, base64), line by line, and of an address with a password
the password alone. Words that say nothing (`production`, an address of this machine) stay: without them
a log could not be read.
"""

import base64
import html
import json
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from urllib.parse import quote, quote_plus, unquote

from drafterd.domain.log_lines import plain
from drafterd.domain.outputs import is_public

SHORTEST = 8
"""Characters of the shortest value that is taken for a secret; shorter ones are found everywhere."""

PUBLIC = frozenset(
    {
        "PORT",
        "HOST",
        "HOSTNAME",
        "NEXTAUTH_URL",
        "AUTH_URL",
        "AUTH_TRUST_HOST",
        "GROQ_BASE_URL",
        "GROQ_MODEL",
        "DRAFT_BASE_PATH",
        "NODE_ENV",
    }
)
"""Names whose values may be shown, beside those that bundlers write into pages."""

_WORDS = frozenset(
    [
        "production",
        "development",
        "localhost",
        "postgres",
        "postgresql",
        "undefined",
        "disabled",
        "enabled",
        "anonymous",
        "information",
        "standalone",
        "127.0.0.1",
        "password",
        "changeme",
        "example.com",
        "experimental",
    ]
)
_HARMLESS_URL = re.compile(
    r"https?://(?:(?:localhost|[\w-]{1,63}\.localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\])(?::\d{1,5})?(?:/[\w./-]*)?"
    r"|[\w.-]+(?::\d{1,5})?/?)\Z"
)
"""An address of this machine, or one that names nothing but a server."""

_PASSWORD = re.compile(r"\A[A-Za-z][A-Za-z0-9+.-]{0,40}://[^:/@\s]*:(?P<password>\S+)@")
_PARAMETER = re.compile(
    r"[?&][\w.-]{0,40}(?:key|token|secret|passw|sig|auth)[\w.-]{0,40}=(?P<value>[^&#\s]+)", re.IGNORECASE
)
_FRAME = re.compile(r"-----(?:BEGIN|END) [A-Z0-9 ]+-----")
_STAR = b"*"
_VALUES_MAX = 1000
_VALUE_MAX = 65_536
_STEP = 4
_WINDOW = SHORTEST - _STEP + 1
"""Each text that is looked for holds one of its first `_STEP` windows where a window begins at a multiple of `_STEP`."""
_TOLD = 4
"""So many characters of a secret that was cut off are more than chance."""


def secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """The values that nobody may read in logs, by name."""
    return {name: value for name, value in environment.items() if is_secret(name, value)}


def is_secret(name: str, value: str) -> bool:
    """Whether the value of a variable is to be hidden. A password in a public address is one by itself."""
    if len(value) < SHORTEST or is_public(name) or is_harmless(value):
        return False
    return name not in PUBLIC or bool(_PASSWORD.match(value))


def is_harmless(value: str) -> bool:
    """Whether a value is a word that says nothing, whatever its name."""
    return value.lower() in _WORDS or bool(_HARMLESS_URL.match(value))


class Mask:
    """Puts names in the place of secret values, and stars where lengths must stay.

    Args:
        values: The secrets by name.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(list(values.items())[:_VALUES_MAX])

    @cached_property
    def _forms(self) -> dict[str, str]:
        """The name of each text that is looked for. Made when the first text comes: many masks never see one."""
        return {
            form: name
            for name, value in self._values.items()
            for form in _forms(value[:_VALUE_MAX])
            if len(form) >= SHORTEST and not is_harmless(form)
        }

    @cached_property
    def _texts(self) -> "_Finder":
        return _Finder(self._forms)

    @cached_property
    def _raw(self) -> "_Finder":
        return _Finder({_latin(_encoded(form)): _latin(_encoded(name)) for form, name in self._forms.items()})

    @property
    def longest(self) -> int:
        """Bytes of the longest text that is looked for."""
        return self._raw.longest

    def __call__(self, text: str) -> str:
        """`text` with names for values. Colours inside of a value do not hide it: then all of them go."""
        return self._texts.masked(text)

    def named(self, data: bytes) -> bytes:
        """The same for bytes, whatever they encode."""
        return self._raw.masked(_latin(data)).encode("latin-1")

    def whole(self, data: bytes) -> int:
        """How many bytes can be masked before more comes: those before a value that the end may have cut off."""
        text = _latin(data)
        cut = self._raw.cut_off(text)
        for start, end, _ in self._raw.spans(text) if cut < len(text) else ():
            if start < cut < end:
                # One that is whole, and what may go on at its end; a draft could make that as long as it likes.
                return start if len(text) - start <= 2 * self.longest else end
        return cut

    def cut(self, text: str) -> str:
        """`text`, which was cut off, without the beginning of a value at its end."""
        masked = self(text)
        start, name = self._texts.begun(masked)
        return f"{masked[:start]}[{name}]" if name else masked

    def starred(self, data: bytes, *, cut: bool = False) -> bytes:
        """`data` with stars for values: as long as before. `cut`: more may follow."""
        text, shown = _latin(data), bytearray(data)
        for start, end, _ in self._raw.spans(text):
            shown[start:end] = _STAR * (end - start)
        if cut:
            start, _ = self._raw.begun(text)
            shown[start:] = _STAR * (len(data) - start)
        return bytes(shown)


class _Finder:
    """Finds many texts at once: each place is looked up by its first characters.

    Args:
        names: By text, of `SHORTEST` characters and more.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._starting: dict[str, list[str]] = {}
        for text in sorted(names, key=len, reverse=True):
            self._starting.setdefault(text[:SHORTEST], []).append(text)
        self._windows = {begin[at : at + _WINDOW] for begin in self._starting for at in range(_STEP)}
        self._beginnings = {begin[:length] for begin in self._starting for length in range(1, SHORTEST)}
        self.longest = max(map(len, names), default=0)

    def spans(self, text: str) -> list[tuple[int, int, str]]:
        """Where they stand, in order: begin, end, name. What overlaps is one."""
        if not self._names:
            return []
        # Most texts hold none: a look at every few characters tells that.
        seen = {text[at : at + _WINDOW] for at in range(0, len(text) - _WINDOW + 1, _STEP)}
        if self._windows.isdisjoint(seen):
            return []
        known = self._starting
        hits = [at for at in range(len(text) - SHORTEST + 1) if text[at : at + SHORTEST] in known]
        found: list[tuple[int, int, str]] = []
        for at in hits:
            for form in known[text[at : at + SHORTEST]]:
                if text.startswith(form, at):
                    end, name = at + len(form), self._names[form]
                    if found and found[-1][1] > at:
                        start, last, name = found.pop()
                        found.append((start, max(last, end), name))
                    else:
                        found.append((at, end, name))
                    break
        return found

    def masked(self, text: str) -> str:
        """With names in their places. Colours inside of one do not hide it: then all colours go."""
        masked = self._named(text)
        if "\x1b" not in text:
            return masked
        bare = plain(masked)
        clean = self._named(bare)
        return masked if clean == bare else clean

    def _named(self, text: str) -> str:
        found = self.spans(text)
        if not found:
            return text
        shown, last = [], 0
        for start, end, name in found:
            shown += [text[last:start], f"[{name}]"]
            last = end
        return "".join([*shown, text[last:]])

    def cut_off(self, text: str) -> int:
        """The first place from which the rest of the text is the beginning of one; the text's end without any."""
        for at in range(max(0, len(text) - self.longest + 1), len(text)):
            begin, left = text[at : at + SHORTEST], len(text) - at
            if begin in self._beginnings if left < SHORTEST else self._goes_on(text, at):
                return at
        return len(text)

    def _goes_on(self, text: str, at: int) -> bool:
        """Whether one begins there that is longer than what is left."""
        left = len(text) - at
        forms = self._starting.get(text[at : at + SHORTEST], ())
        return any(len(form) > left and form.startswith(text[at:]) for form in forms)

    def begun(self, text: str) -> tuple[int, str]:
        """Where one begins that the end of the text cuts off, and its name; the text's end and "" without one."""
        last = text[-self.longest :]
        for form, name in self._names.items():
            for length in range(min(len(form) - 1, len(last)), _TOLD - 1, -1):
                if last.endswith(form[:length]):
                    return len(text) - length, name
        return len(text), ""


def _encoded(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


def _latin(data: bytes) -> str:
    """A character for each byte."""
    return data.decode("latin-1")


def _forms(value: str) -> Iterator[str]:
    """How a value may be printed."""
    for part in _parts(value):
        yield part
        yield html.escape(part)
        for safe in ("", "/", "!'()*", ";,/?:@&=+$!*'()#"):
            encoded = quote(part, safe=safe, errors="surrogatepass")
            yield encoded
            yield re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), encoded)
        yield quote_plus(part, errors="surrogatepass")
        yield json.dumps(part)[1:-1]
        yield json.dumps(part, ensure_ascii=False)[1:-1]
        yield part.replace("'", "\\'")
        yield from _in_base64(_encoded(part))


def _parts(value: str) -> Iterator[str]:
    """A value, its lines, and the secrets inside of an address."""
    yield value.strip()  # with its last newline the line behind it would be pulled up
    for line in value.replace("\\r", "\n").replace("\\n", "\n").splitlines():
        if not _FRAME.fullmatch(line.strip()):
            yield line.strip()
    if found := _PASSWORD.match(value):
        yield found["password"]
        yield unquote(found["password"])
    if "://" in value:
        for parameter in _PARAMETER.finditer(value):
            yield parameter["value"]
            yield unquote(parameter["value"])


def _in_base64(data: bytes) -> Iterator[str]:
    """What of its base64 is the same wherever it stands in a longer text: without what neighbours change."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + data).decode()
        begin = (before * 8 + 5) // 6
        shown = encoded[begin : (before + len(data)) * 8 // 6]
        yield shown
        yield shown.replace("+", "-").replace("/", "_")
