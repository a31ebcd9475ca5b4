"""Which texts are values of somebody: those of the env files, and what has a credential's shape."""

import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet

from blake3 import blake3

from drafterd.domain.outputs import is_public
from drafterd.fix import env_files
from drafterd.fix.literals import Match
from drafterd.fix.masks import shows
from drafterd.fix.settings import OWNED

_SHORTEST = 8
_SECRET_NAME = re.compile(r"KEY|SECRET|TOKEN|PASS|PWD|PRIVATE|CREDENTIAL|SALT|JWT|DSN|WEBHOOK|_PAT\Z", re.IGNORECASE)
_OPEN_NAME = re.compile(r"PUBLI|ANON|CLIENT_ID", re.IGNORECASE)
_WITH_LOGIN = re.compile(r"://[^\s:/@]*+:[^\s@]++@")
_MOST_KNOWN = 200
_CHUNK = 2_000
"""Bytes. For more the hash would let go of the interpreter for a moment that is too short for another
thread to take it up, but begins that thread's turn to wait anew: the event loop would stand still."""

_DATABASE = r"(?:postgres(?:ql)?|mysql|mongodb(?:\+srv)?)://[^\s,'\"`]+"
_WHOLE = (
    ("GOOGLE_CLIENT_ID", re.compile(r"\d{6,}-[a-z0-9]{8,}\.apps\.googleusercontent\.com\Z"), False),
    ("DATABASE_URL", re.compile(rf"{_DATABASE}\Z"), True),
)
_ANYWHERE = (
    ("GROQ_API_KEY", re.compile(r"(?<![\w-])gsk_[A-Za-z0-9]{20,}(?![\w-])"), True),
    ("GOOGLE_CLIENT_SECRET", re.compile(r"(?<![\w-])GOCSPX-[\w-]{20,}(?![\w-])"), True),
)
_GROQ = re.compile(r"https://api\.groq\.com/openai/v1(?=[/?#]|\Z)")
LOCAL_ADDRESS = re.compile(r"https?://(?:localhost|127\.0\.0\.1):(\d{1,5})(?=[/?#]|\Z)")
"""How an address of this machine begins; the group is the port."""
_FOREIGN = (
    rb"sk-(?:proj|ant|or)-[\w-]{20,}|sk-[A-Za-z0-9]{40,}|[sr]k_live_\w{16,}|whsec_\w{24,}|gh[pos]_\w{30,}"
    rb"|github_pat_\w{30,}|xox[abprs]-[\w-]{20,}|AKIA[A-Z0-9]{16}|SG\.[\w-]{20,}\.[\w-]{20,}"
)
_LOGIN = rb"(?:postgres(?:ql)?|mysql|mongodb(?:\+srv)?|rediss?|amqps?)://[^\s:/'\"`$]{1,200}+:[^\s@'\"`$]{1,200}+@"
_SECRET = re.compile(rb"(?<![\w-])(?:gsk_[A-Za-z0-9]{20,}|GOCSPX-[\w-]{20,}|" + _FOREIGN + rb")(?![\w-])|" + _LOGIN)
_UNNAMED = re.compile(rb"(?<![\w-])(?:" + _FOREIGN + rb")(?![\w-])")
_UNNAMED_SIGNS = (b"sk-", b"k_live_", b"whsec_", b"ghp_", b"gho_", b"ghs_", b"github_pat_", b"xox", b"AKIA", b"SG.")
_NAMED_SIGNS = (b"gsk_", b"GOCSPX-")
_LOGIN_SIGNS = (b"postgres", b"mysql:", b"mongodb", b"redis", b"amqp")
_EXAMPLE = re.compile(rb"x{6}|0{8}|your|example|\.{3}|<", re.IGNORECASE)
_PLAIN_SIGNS = (*_NAMED_SIGNS, b"apps.googleusercontent.com")
_ADDRESS = b"://"
_ADDRESS_SIGNS = (b"postgres", b"mysql://", b"mongodb", b"api.groq.com", b"://localhost:", b"://127.0.0.1:")
"""Each text that holds a value of a known shape holds one of these, or of the plain ones."""


def known_values(author: Mapping[str, str], operator: Mapping[str, str]) -> dict[str, str]:
    """Names by values that are somebody's; plain words are everybody's."""
    found: dict[str, str] = {}
    for name, value in [*author.items(), *operator.items()]:
        special = len(value) >= _SHORTEST and (re.search(r"\d", value) or "://" in value)
        if (
            special
            and len(found) < _MOST_KNOWN
            and name not in OWNED
            and not is_public(name)
            and not env_files.is_placeholder(value)
            and _is_text(value)
        ):
            found[value] = name
    return found


def is_secret(name: str, value: str) -> bool:
    """Whether a variable's value is to be kept from others: its name or a login in it says so."""
    if shows(name):
        return False
    named = bool(_SECRET_NAME.search(name)) and not _OPEN_NAME.search(name)
    return named or bool(_WITH_LOGIN.search(value))


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


class Values:
    """What is looked for in one draft.

    Attributes:
        expression: Is found in each literal with a value.
    """

    def __init__(self, known: Mapping[str, str]) -> None:
        self._known = known
        self._signs = (*_PLAIN_SIGNS, *(value.encode() for value in known))
        self._hidden = tuple(value.encode() for value, name in known.items() if is_secret(name, value))
        self.expression = re.compile("|".join(re.escape(sign.decode()) for sign in (*self._signs, *_ADDRESS_SIGNS)))

    def key(self, text: str) -> str:
        """What a look at `text` depends on: equal texts with equal keys hold equal literals."""
        hasher = blake3()
        data = text.encode()
        for start in range(0, len(data), _CHUNK):
            hasher.update(data[start : start + _CHUNK])
        for value, name in self._known.items():
            if value in text:
                hasher.update(f"\0{len(name)} {len(value)} {name}{value}".encode())
        return hasher.hexdigest(length=16)

    def may_be_in(self, data: bytes) -> bool:
        """Whether a file is worth being looked at."""
        holds = data.__contains__
        return any(map(holds, self._signs)) or (_ADDRESS in data and any(map(holds, _ADDRESS_SIGNS)))

    def find(self, content: str) -> list[Match]:
        """The values in a literal's content, in their order."""
        if content in self._known:
            key = self._known[content]
            return [Match(name=key, start=0, end=len(content), value=content, secret=is_secret(key, content))]
        for key, pattern, secret in _WHOLE:
            if pattern.match(content):
                return [Match(name=key, start=0, end=len(content), value=content, secret=secret)]
        found = [
            Match(name=key, start=hit.start(), end=hit.end(), value=hit[0], secret=secret)
            for key, pattern, secret in _ANYWHERE
            for hit in pattern.finditer(content)
        ]
        for key, pattern in (("GROQ_BASE_URL", _GROQ), ("NEXTAUTH_URL", LOCAL_ADDRESS)):
            if hit := pattern.match(content):
                found.append(Match(name=key, start=0, end=hit.end(), value=hit[0], secret=False))
        return sorted(found, key=lambda match: match.start)

    def secrets(self, data: bytes) -> Iterator[int]:
        """Where secrets stand in a file, whatever it is, in no order."""
        holds = data.__contains__
        login = _ADDRESS in data and any(map(holds, _LOGIN_SIGNS))
        if login or any(map(holds, _NAMED_SIGNS)) or any(map(holds, _UNNAMED_SIGNS)):
            yield from (found.start() for found in _SECRET.finditer(data) if not _EXAMPLE.search(found[0]))
        yield from (data.find(value) for value in self._hidden if value in data)

    def unnamed(self, data: bytes) -> Iterator[int]:
        """Where credentials stand that no variable of ours is meant for."""
        if any(map(data.__contains__, _UNNAMED_SIGNS)):
            yield from (found.start() for found in _UNNAMED.finditer(data) if not _EXAMPLE.search(found[0]))


def is_own_address(value: str, ports: AbstractSet[int]) -> bool:
    """Whether an address on this machine is the draft's own."""
    found = LOCAL_ADDRESS.match(value)
    return found is not None and int(found[1]) in ports
