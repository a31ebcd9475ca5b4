"""Variables that a build reads and nobody gave."""

import pytest

from drafterd.build.repairs import variables
from drafterd.build.repairs.variables import MARK, read_names, shape, shown, unset_public
from tests.unit.build.repairs.situations import chosen, situation

COLLECT = "Error: Failed to collect page data for /api/chat"

T3 = """\u274c Invalid environment variables: [
  {
    code: 'invalid_type',
    expected: 'string',
    received: 'undefined',
    path: [ 'DATABASE_URL' ],
    message: 'Required'
  },
  { code: 'invalid_type', path: [ 'AUTH_DISCORD_ID' ], message: 'Required' }
]"""
ZOD_3 = """ZodError: [
  {
    "code": "invalid_type",
    "expected": "string",
    "received": "undefined",
    "path": [
      "API_TOKEN"
    ],
    "message": "Required"
  }
]"""
ASTRO = """[EnvInvalidVariables] The following environment variables defined in `env.schema` are invalid:
- **API_TOKEN** is missing
- API_HOST is missing"""
ZOD_4 = """\u274c Invalid environment variables: {
  API_TOKEN: [ 'Invalid input: expected string, received undefined' ]
}"""


@pytest.mark.parametrize(
    ("said", "source", "names"),
    [
        (f"Error: STRIPE_KEY is not set\n{COLLECT}", "const k = process.env.STRIPE_KEY;", {"STRIPE_KEY"}),
        # Read by a library: named by the output alone.
        (
            f"OpenAIError: The OPENAI_API_KEY environment variable is missing or empty\n{COLLECT}",
            "",
            {"OPENAI_API_KEY"},
        ),
        (f"TypeError: Invalid URL\n{COLLECT}", "new URL(process.env.API_URL!)", {"API_URL"}),
        (
            "Invalid environment variables: [ { path: [ 'DATABASE_URL' ], message: 'Required' } ]",
            "",
            {"DATABASE_URL"},
        ),
        (
            f"Error: no\n{COLLECT}",
            "const a = process.env.A_KEY as string, b = process.env.B_KEY ?? 'x', c = process.env.MODE_X === 'y'",
            {"A_KEY"},
        ),
        (
            'Error occurred prerendering page "/"\nError: supabaseUrl is required.',
            "createClient(process.env.SUPABASE_URL!, process.env.SUPABASE_KEY!)",
            {"SUPABASE_URL", "SUPABASE_KEY"},
        ),
        # Lists of checkers, where the source names nothing by itself.
        (T3, "", {"DATABASE_URL", "AUTH_DISCORD_ID"}),
        (ZOD_3, "envSchema.parse(process.env)", {"API_TOKEN"}),
        (ZOD_4, "", {"API_TOKEN"}),
        (
            "ZodError:\n\u2716 Invalid input: expected string, received undefined\n  \u2192 at API_TOKEN",
            "",
            {"API_TOKEN"},
        ),
        (ASTRO, "", {"API_TOKEN", "API_HOST"}),
        ('[MISSING_EXPORT] "API_TOKEN" is not exported by "virtual:env/static/private".', "", {"API_TOKEN"}),
        ("PrismaConfigEnvError: Missing required environment variable: DATABASE_URL", "", {"DATABASE_URL"}),
        ("Error: Environment variable not found: DIRECT_URL.", "", {"DIRECT_URL"}),
    ],
)
def test_what_the_build_cannot_do_without_gets_a_placeholder(tmp_path, said, source, names):
    found = chosen(situation(tmp_path, said, files={"lib/x.ts": source}))
    assert found is not None
    assert found.repair.code == "placeholders"
    given = found.remedy.variant.placeholders
    assert set(given) == names
    assert all(name in found.repair.summary for name in names)


@pytest.mark.parametrize(
    ("said", "source"),
    [
        # Pages would show it.
        (f"Error: no\n{COLLECT}", "const a = process.env.NEXT_PUBLIC_URL;"),
        ('Error occurred prerendering page "/"\nError: Objects are not valid as a React child', "process.env.A_KEY"),
        (f"Error: no\n{COLLECT}", "const a = process.env.NODE_ENV, b = process.env.VERCEL_URL, c = process.env.GIVEN"),
        ("Failed to type check.", "process.env.A_KEY"),
    ],
)
def test_nothing_is_made_up_where_it_would_be_seen_or_not_help(tmp_path, said, source):
    found = situation(tmp_path, said, files={"lib/x.ts": source}, environment={"GIVEN": "1"})
    assert variables.placeholders(found) is None


def test_names_that_pages_would_show_are_told(tmp_path):
    source = "createClient(process.env.NEXT_PUBLIC_SUPABASE_URL!, process.env.NEXT_PUBLIC_KEY!)"
    said = 'Error occurred prerendering page "/"\nError: supabaseUrl is required.'
    found = situation(tmp_path, said, files={"lib/x.ts": source})
    assert unset_public(found) == ("NEXT_PUBLIC_SUPABASE_URL", "NEXT_PUBLIC_KEY")


def test_the_switch_of_a_checker_is_used_where_there_is_one(tmp_path):
    source = "export const env = createEnv({ skipValidation: !!process.env.SKIP_ENV_VALIDATION });"
    found = chosen(situation(tmp_path, "Invalid environment variables: x", files={"env.js": source}))
    assert found is not None
    assert found.remedy.variant.placeholders == {"SKIP_ENV_VALIDATION": "1"}


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("DATABASE_URL", "postgresql://"),
        ("POSTGRES_PRISMA_URL", "postgresql://"),
        ("MONGODB_URI", "mongodb://"),
        ("MYSQL_DATABASE_URL", "mysql://"),
        ("REDIS_URL", "redis://"),
        ("UPSTASH_REDIS_REST_URL", "https://"),
        ("API_BASE_URL", "http://127.0.0.1:9/"),
        ("STRIPE_SECRET_KEY", "sk_test_"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_"),
        ("OPENAI_API_KEY", "sk-"),
        ("OPENAI_BASE_URL", "http://127.0.0.1:9/"),
        ("RESEND_FROM_EMAIL", f"{MARK}"),
        ("EMAIL_API_KEY", MARK),
        ("FIREBASE_SERVICE_ACCOUNT", '{"project_id":'),
        ("SMTP_PORT", "9"),
        ("REQUEST_TIMEOUT", "10"),
        ("ENABLE_SIGNUP", "false"),
        ("NEXTAUTH_SECRET", MARK),
    ],
)
def test_a_placeholder_has_the_shape_of_its_name(name, begins):
    assert shape(name).startswith(begins)


def test_a_database_is_of_the_kind_that_the_schema_names(tmp_path):
    schema = 'datasource db {\n  provider = "mysql"\n  url = env("DATABASE_URL")\n}\n'
    files = {"prisma/schema.prisma": schema, "lib/db.ts": "connect(process.env.DATABASE_URL)"}
    found = chosen(situation(tmp_path, COLLECT, files=files))
    assert found is not None
    assert found.remedy.variant.placeholders["DATABASE_URL"].startswith("mysql://")


def test_what_a_file_reads_and_has_nothing_else_for():
    text = "f(process.env.ONE); const t = (process.env.TWO as string) || 'x'; const d = 'y' + process.env.THREE; // process.env.NO"
    assert list(read_names("a.ts", text)) == ["ONE", "THREE"]


def test_where_a_placeholder_is_seen_is_found_by_its_own_mark(tmp_path):
    given = {"SITE_URL": shape("SITE_URL"), "OTHER_URL": shape("OTHER_URL"), "API_KEY": shape("API_KEY")}
    assert len(set(given.values())) == 3
    place = tmp_path / ".next" / "server" / "app"
    place.mkdir(parents=True)
    (place / "index.html").write_text(f"<a href='{given['SITE_URL']}'>")
    (place / "other.html").write_text("nothing")
    (found,) = shown(tmp_path, [".next/static", ".next/server/app"], given)
    assert (found.file, found.names) == (".next/server/app/index.html", ("SITE_URL",))


def test_an_install_gets_them_for_what_it_names_itself(tmp_path):
    said = "npm error PrismaConfigEnvError: Missing required environment variable: DATABASE_URL"
    files = {"lib/pay.ts": "pay(process.env.PAY_KEY)"}
    found = chosen(situation(tmp_path, said, step="install", files=files))
    assert found is not None
    assert set(found.remedy.variant.placeholders) == {"DATABASE_URL"}
