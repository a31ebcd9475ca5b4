"""Variables that a build reads and nobody gave: they get placeholders of the right shape, for the build only.

Many an app opens its database or its payment service as soon as a module is loaded, and Next.js loads all
of them to look at their settings. What a placeholder opens is never used. Names that bundlers write into
pages get none: they would be seen there.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ast_grep_py import SgNode, SgRoot

from drafterd.build.foreign import inside
from drafterd.build.repairs.situation import SOURCES, Situation
from drafterd.build.repairs.variant import Remedy
from drafterd.domain.outputs import is_public

MARK = "draftplaceholder"
"""Begins what stands in every placeholder that is a text, so that it can be found where it must not be."""

SIGN = re.compile(
    r"Failed to collect (?:page data|configuration) for|Error occurred prerendering page"
    r"|Invalid environment variables|[Ee]nvironment [Vv]ariables? (?:is |are )?(?:missing|not|required|undefined|invalid)"
    r"|(?:[Mm]issing|[Ii]nvalid)(?:/[Mm]issing)? (?:required )?env(?:ironment)?\b|(?:supabaseUrl|supabaseKey|apiKey) is required"
    r"|\bZodError\b|EnvInvalidVariables|resolve environment variable|virtual:env/static/p(?:rivate|ublic)"
)
_LISTS = re.compile(r"[Ii]nvalid env|environment variables|ZodError|EnvInvalidVariables|virtual:env/static")
_SPEAKS_OF_VALUES = re.compile(
    r"\benv\b|environment|api[ _-]?key|credential|secret|token|is (?:required|missing|not set|undefined)|not configured"
    r"|must be (?:set|provided|defined)|missing|ZodError|Invalid (?:URL|url|connection string|API key)|ERR_INVALID_URL",
    re.IGNORECASE,
)
_NAME = re.compile(r"(?<![\w.\-/@$])[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+(?![\w\-/(])")
_LISTED = re.compile(r"(?:^\W*|['\"]|\bat )(?P<name>[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?=['\"]|\s*:|\s+is\b|\s*\Z)")
"""A name where a checker of variables lists those that are wrong."""
_NOT_ASKED = re.compile(
    r"NODE_|NEXT_(?!AUTH)|VERCEL|CI\Z|npm_|TURBO|SENTRY_|DATADOG|DD_|ANALYZE|BUILD_|STANDALONE|DEBUG|LOG_|PORT\Z|HOST\Z"
    r"|HOSTNAME\Z|HOME\Z|PATH\Z|PWD\Z|TZ\Z|LANG\Z|SKIP_|E[A-Z]+\Z|ERR_|MODULE_NOT_FOUND|MISSING_EXPORT|UNRESOLVED_|PARSE_|DRAFT|NETLIFY|CF_|RENDER|RAILWAY"
    r"|K_|AWS_LAMBDA|DOCKER|GITHUB_(?:ACTIONS|SHA|REF)|COREPACK|FORCE_COLOR|NO_COLOR"
)
_SKIPS = ("SKIP_ENV_VALIDATION", "SKIP_ENV_CHECK")
"""Switches that the checkers of variables know themselves."""
_OPTIONAL = ("===", "!==", "==", "!=", "||", "??", "&&")
_MOST = 60
_NEARBY = 60
_SEARCHED = (".html", ".js", ".mjs", ".css", ".rsc", ".json", ".txt", ".xml", ".body", ".meta")
_SEARCH_MAX = 20_000_000

_DATABASES = {
    "postgresql": f"postgresql://{MARK}:{MARK}@127.0.0.1:5432/{MARK}",
    "mysql": f"mysql://{MARK}:{MARK}@127.0.0.1:3306/{MARK}",
    "mongodb": f"mongodb://{MARK}:{MARK}@127.0.0.1:27017/{MARK}",
    "sqlite": f"file:./{MARK}.db",
}
_LONG = f"{MARK}0123456789abcdefghijklmnopqrstuvwxyz"
_ACCOUNT = f'{{"project_id":"{MARK}","client_email":"{MARK}@example.invalid","private_key":"{MARK}"}}'
_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), value)
    for pattern, value in (
        (r"_(?:TIMEOUT|LIMIT|MAX|MIN|SIZE|COUNT|TTL|SECONDS|MS|DAYS|HOURS|ROUNDS)\Z", "10"),
        (r"_PORT\Z", "9"),
        (r"\A(?:ENABLE|DISABLE|USE|IS|HAS)_|_(?:ENABLED|DISABLED)\Z", "false"),
        (r"_REGION\Z", "us-east-1"),
        (r"_JSON\Z|SERVICE_ACCOUNT(?:_KEY)?\Z|_CREDENTIALS\Z", _ACCOUNT),
        (r"MONGO", _DATABASES["mongodb"]),
        (r"MYSQL|PLANETSCALE", _DATABASES["mysql"]),
        (r"(?:TURSO|LIBSQL).*URL", f"libsql://{MARK}.invalid"),
        (r"REDIS.*REST.*URL|KV_REST_API_URL", f"https://{MARK}.invalid"),
        (r"REDIS.*(?:URL|URI)|KV_URL", f"redis://{MARK}:{MARK}@127.0.0.1:6379"),
        (r"AMQP|RABBIT", f"amqp://{MARK}:{MARK}@127.0.0.1:5672"),
        (r"SMTP_URL|MAIL_URL|EMAIL_SERVER\Z", f"smtp://{MARK}:{MARK}@127.0.0.1:2525"),
        (r"_HOST(?:NAME)?\Z|_DOMAIN\Z", f"{MARK}.invalid"),
        (r"(?:URL|URI|ENDPOINT|ORIGIN|_SITE|_WEBHOOK|_DSN)\Z", f"http://127.0.0.1:9/{MARK}"),
        (r"(?:EMAIL|MAILBOX)(?!.*(?:KEY|SECRET|TOKEN|PASS|USER))|_FROM\Z", f"{MARK}@example.invalid"),
        (r"STRIPE.*WEBHOOK", f"whsec_{_LONG}"),
        (r"(?:STRIPE|CLERK).*(?:SECRET|KEY)", f"sk_test_{_LONG}"),
        (r"ANTHROPIC|CLAUDE", f"sk-ant-{_LONG}"),
        (r"OPENAI", f"sk-{_LONG}"),
        (r"GROQ", f"gsk_{_LONG}"),
        (r"RESEND", f"re_{_LONG}"),
        (r"SENDGRID", f"SG.{_LONG}.{_LONG}"),
        (r"TWILIO.*SID", f"AC{_LONG}"),
    )
)
_DATABASE = re.compile(
    r"(?:\A|_)(?:DATABASE|DB|POSTGRES|POSTGRESQL|PG|NEON|PRISMA|DRIZZLE|DIRECT|SHADOW_DATABASE)(?:_\w+)?_?(?:URL|URI)\Z"
    r"|CONNECTION_STRING\Z|_DATABASE_URL\Z"
)
_PROVIDER = re.compile(r"datasource\s+\w+\s*\{[^}]*?provider\s*=\s*\"(\w+)\"", re.DOTALL)


def placeholders(situation: Situation) -> Remedy | None:
    """Placeholders for what the build reads and nobody gave; None: it failed for something else."""
    if not _blames_variables(situation):
        return None
    names = [name for name in _wanted(situation) if _may_have(situation, name)][:_MOST]
    skips = [name for name in _SKIPS if any(name in text for _, text in situation.sources())]
    if not names and not skips:
        return None
    database = _database(situation)
    given = {name: shape(name, database=database) for name in names} | dict.fromkeys(skips, "1")
    told = ", ".join(sorted(given))
    return Remedy(
        summary=f"variables that the build reads and nobody gave get placeholders, for the build only: {told}",
        variant=replace(situation.variant, placeholders={**situation.variant.placeholders, **given}),
    )


def shape(name: str, *, database: str = "postgresql") -> str:
    """A value that a reader of variable `name` takes for one; no other name has the same mark in it."""
    if _DATABASE.search(name) and not re.search(r"MONGO|MYSQL|REDIS|TURSO|LIBSQL|REST", name):
        found = _DATABASES.get(database, _DATABASES["postgresql"])
    else:
        found = next((value for pattern, value in _SHAPES if pattern.search(name)), _LONG)
    return found.replace(MARK, _mark(name))


def _mark(name: str) -> str:
    return MARK + hashlib.blake2b(name.encode(), digest_size=4).hexdigest()


def unset_public(situation: Situation) -> tuple[str, ...]:
    """Names that the build's failure may be about, and that get no placeholder, because pages would show it."""
    if not _blames_variables(situation):
        return ()
    return tuple(name for name in _wanted(situation) if is_public(name) and name not in situation.environment)


def _blames_variables(situation: Situation) -> bool:
    if any(_SPEAKS_OF_VALUES.search(line) for line in _near(situation, SIGN)):
        return True
    # Thrown where a module is loaded, for whatever reason: an undefined value is the likeliest.
    return any(SIGN.search(line) and "Failed to collect" in line for line in situation.lines)


def _near(situation: Situation, sign: re.Pattern[str]) -> Iterator[str]:
    """The lines around those that bear a sign."""
    places = [number for number, line in enumerate(situation.lines) if sign.search(line)]
    near = {index for place in places for index in range(place - _NEARBY, place + _NEARBY)}
    yield from (line for number, line in enumerate(situation.lines) if number in near)


def _wanted(situation: Situation) -> tuple[str, ...]:
    """The names that the output tells, then those that the source cannot do without."""
    told = [name for line in situation.lines if _SPEAKS_OF_VALUES.search(line) for name in _NAME.findall(line)]
    told += [found["name"] for line in _near(situation, _LISTS) for found in _LISTED.finditer(line)]
    # An install loads no more of the source than what says what it lacks.
    read = _read_by_source(situation) if situation.step == "build" else ()
    return tuple(dict.fromkeys((*told, *read)))


def _may_have(situation: Situation, name: str) -> bool:
    known = situation.environment.get(name) or situation.variant.placeholders.get(name)
    return not known and not is_public(name) and not _NOT_ASKED.match(name)


def _read_by_source(situation: Situation) -> Iterator[str]:
    for file, text in situation.sources():
        if "process.env" in text and file.endswith(SOURCES):
            yield from read_names(file, text)


def read_names(file: str, text: str) -> Iterator[str]:
    """The variables that a file reads and has no other value for."""
    root = SgRoot(text, "typescript" if file.endswith((".ts", ".mts", ".cts")) else "tsx").root()
    for node in root.find_all(pattern="process.env.$NAME"):
        name = node.get_match("NAME")
        if name is not None and re.fullmatch(r"[A-Z][A-Z0-9_]*", name.text()) and not _is_optional(node):
            yield name.text()


def _is_optional(node: SgNode) -> bool:
    """Whether it is compared, or has something in its place."""
    parent = node.parent()
    while parent is not None and parent.kind() in ("parenthesized_expression", "non_null_expression", "as_expression"):
        node, parent = parent, parent.parent()
    if parent is None or parent.kind() != "binary_expression":
        return False
    operator = parent.field("operator")
    left = parent.field("left")
    return operator is not None and operator.text() in _OPTIONAL and (left is None or left.range() == node.range())


def _database(situation: Situation) -> str:
    schema = situation.read("prisma/schema.prisma") or situation.read("schema.prisma") or ""
    found = _PROVIDER.search(schema)
    return {"postgres": "postgresql", "cockroachdb": "postgresql"}.get(found[1], found[1]) if found else "postgresql"


@dataclass(frozen=True, slots=True)
class Shown:
    """A file of the output that holds a placeholder."""

    file: str
    names: tuple[str, ...]


def shown(source: Path, folders: Iterable[str], given: Mapping[str, str]) -> Iterator[Shown]:
    """Where placeholders stand in what visitors get.

    Args:
        source: The built source.
        folders: Those of it that visitors get, as far as they are there.
        given: The placeholders by name.
    """
    marked = {name: _mark(name).encode() for name, value in given.items() if MARK in value}
    for folder in folders:
        root = inside(source, *folder.split("/"))
        for path in sorted(root.rglob("*")) if root else ():
            if path.suffix not in _SEARCHED or path.is_symlink() or not path.is_file():
                continue
            if path.stat().st_size > _SEARCH_MAX:
                continue
            data = path.read_bytes()
            if MARK.encode() in data:
                names = tuple(sorted(name for name, mark in marked.items() if mark in data))
                yield Shown(str(path.relative_to(source)), names)
