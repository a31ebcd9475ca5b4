import pytest

from drafterd.fix import FixSettings, apply, propose, unified_diff
from tests.unit.fix.folders import folder

KEY = "gsk_" + "aB3dE5gH7jK9mN1pQ3sT5vW7xY9zA1cD3eF5gH7jK9mN1pQ3sT5v"
SECRET = "GOCSPX-" + "abcDEF123456-abcDEF123456_ab"
CLIENT = "123456789012-" + "abcdefghijklmnop1234567890abcdef" + ".apps.googleusercontent.com"
DB = "postgresql://me:pw12345@localhost:5432/app"
G, N = "process.env.GROQ_API_KEY", "process.env.NEXTAUTH_URL"
SETTINGS = FixSettings(variables={"DATABASE_URL": "postgresql://mobius:mobius@db:5432/mobius"})


def rewrite(tmp_path, text, name="lib/server.ts", **more):
    root = folder(
        tmp_path / "d",
        {
            "package.json": '{"dependencies":{"next":"16.0.0"},"scripts":{"dev":"next dev"}}',
            "app/api/x/route.ts": "import '../../../lib/server'\nexport const GET = () => 1\n",
            name: text,
            **more,
        },
    )
    proposal = propose(root, port=3005, settings=SETTINGS)
    apply(proposal)
    again = propose(root, port=3005, settings=SETTINGS)
    assert not again.changes
    for shown in (unified_diff(proposal), repr(proposal.edits), repr(proposal.problems)):
        for secret in (KEY, SECRET, "pw12345"):
            assert secret not in shown
    return (root / name).read_bytes().decode(), proposal, root


REPLACED = [
    (f'const k = "{KEY}"', f"const k = {G}!"),
    (f"const o = {{ apiKey: '{KEY}', }}", f"const o = {{ apiKey: {G}!, }}"),
    (f"const h = `Bearer {KEY}`", f"const h = `Bearer ${{{G}}}`"),
    (f"const h = 'Bearer {KEY}'", f"const h = `Bearer ${{{G}}}`"),
    ("fetch('http://localhost:3000/api/x?a=1')", f"fetch(`${{{N}}}/api/x?a=1`)"),
    ("fetch(`http://localhost:3000/api/${id}`)", f"fetch(`${{{N}}}/api/${{id}}`)"),
    ("x('http://localhost:3000/`${a}')", f"x(`${{{N}}}/\\`\\${{a}}`)"),
    ("x('http://localhost:3000' + path)", f"x({N}! + path)"),
    ("new URL('/x','http://localhost:3000')", f"new URL('/x',{N}!)"),
    ("new URL('/x','http://127.0.0.1:3005')", f"new URL('/x',{N}!)"),
    (f"const k = process.env.GROQ_API_KEY ?? '{KEY}'", f"const k = {G}!"),
    (f"const k = process.env['GROQ_API_KEY'] || '{KEY}'", "const k = process.env['GROQ_API_KEY']!"),
    (f"const k = process.env.MY_KEY || '{KEY}'", f"const k = process.env.MY_KEY || {G}!"),
    (f"const k = opts.k ?? '{KEY}'", f"const k = opts.k ?? {G}!"),
    (f"function f(k = '{KEY}') {{}}", f"function f(k = {G}!) {{}}"),
    (f"const k = a ? '{KEY}' : b", f"const k = a ? {G}! : b"),
    (f"class A {{ k = '{KEY}' }}", f"class A {{ k = {G}! }}"),
    (f"switch (a) {{ case '{KEY}': b() }}", f"switch (a) {{ case {G}!: b() }}"),
    (f"@Dec('{KEY}')\nclass A {{}}", f"@Dec({G}!)\nclass A {{}}"),
    (f"function f() {{ return'{KEY}' }}", f"function f() {{ return {G}! }}"),
    (f"new Pool({{connectionString:'{DB}'}})", "new Pool({connectionString:process.env.DATABASE_URL!})"),
    (f"const k = '{KEY}' satisfies string", f"const k = {G}! satisfies string"),
    (f"const k = <string>'{KEY}'", f"const k = <string>{G}!"),
    (f"const k = '{KEY}' as string", f"const k = {G}! as string"),
    ("cors(['http://localhost:3000','https://x.y'])", f"cors([{N}!,'https://x.y'])"),
    (f"'use strict'\nconst k = '{KEY}'", f"'use strict'\nconst k = {G}!"),
    (f"#!/usr/bin/env node\n'use strict'\nf('{KEY}')", f"#!/usr/bin/env node\n'use strict'\nf({G}!)"),
    (f"f('é😀ü');\r\nf('{KEY}')\r\n", f"f('é😀ü');\r\nf({G}!)\r\n"),
    (f"f('{SECRET}', '{CLIENT}')", "f(process.env.GOOGLE_CLIENT_SECRET!, process.env.GOOGLE_CLIENT_ID!)"),
    ("f('https://api.groq.com/openai/v1')", "f(process.env.GROQ_BASE_URL!)"),
    ("f('https://api.groq.com/openai/v1/models')", "f(`${process.env.GROQ_BASE_URL}/models`)"),
    (f"export default '{KEY}'", f"export default {G}!"),
    ("f('postgresql://mobius:mobius@db:5432/mobius')", "f(process.env.DATABASE_URL!)"),
    (f"if ('{KEY}'=== k) b()", f"if ({G}! === k) b()"),
    (f"if ('{KEY}'in o) b()", f"if ({G}! in o) b()"),
    (f"f(a?'{KEY}':b)", f"f(a?{G}!:b)"),
    (f"f('{KEY}'.length)", f"f({G}!.length)"),
    (f"f(`x ${{g('{KEY}')}} {KEY}`)", f"f(`x ${{g({G}!)}} ${{{G}}}`)"),
    (f"f(`a ${{`Bearer {KEY}`}} b`)", f"f(`a ${{`Bearer ${{{G}}}`}} b`)"),
    (f"f('{KEY} {SECRET}')", f"f(`${{{G}}} ${{process.env.GOOGLE_CLIENT_SECRET}}`)"),
    (f"f(`{KEY}`)", f"f(`${{{G}}}`)"),
    (f"const {{ GROQ_API_KEY = '{KEY}' }} = process.env", f"const {{ GROQ_API_KEY = {G}! }} = process.env"),
    (f"const k = process.env.A || process.env.B || '{KEY}'", f"const k = process.env.A || process.env.B || {G}!"),
    ("const u = process.env.APP_URL || 'http://localhost:3000'", f"const u = process.env.APP_URL || {N}!"),
    ("const u = process.env.APP_URL ?? `http://localhost:3000`", f"const u = process.env.APP_URL ?? `${{{N}}}`"),
    (
        "f({ origin: ['http://localhost:3000', 'http://localhost:5173'] })",
        f"f({{ origin: [{N}!, 'http://localhost:5173'] }})",
    ),
    ("f('http://localhost:3000?x')", f"f(`${{{N}}}?x`)"),
    (f"export const keys = {{ groq: '{KEY}' }}", f"export const keys = {{ groq: {G}! }}"),
    (f"export function config() {{ return '{KEY}' }}", f"export function config() {{ return {G}! }}"),
    (f"const config = {{ k: '{KEY}' }}", f"const config = {{ k: {G}! }}"),
    (f"function GET() {{ const config = '{KEY}' }}", f"function GET() {{ const config = {G}! }}"),
    (f"import process from 'node:process'\nf('{KEY}')", f"import process from 'node:process'\nf({G}!)"),
    (f"const process = require('process')\nf('{KEY}')", f"const process = require('process')\nf({G}!)"),
    (f"process.on('exit', () => f('{KEY}'))", f"process.on('exit', () => f({G}!))"),
    (f"const k = '{KEY}'!", f"const k = {G}!!"),
    (f"const o = {{ ['{KEY}']: 1 }}", f"const o = {{ [{G}!]: 1 }}"),
    (f"const a = <T,>(x: T) => f('{KEY}')", f"const a = <T,>(x: T) => f({G}!)"),
    (f"let k: string | undefined = '{KEY}'", f"let k: string | undefined = {G}!"),
    (f"const p = /[/]\\/'/.test('{KEY}')", f"const p = /[/]\\/'/.test({G}!)"),
]


@pytest.mark.parametrize(("before", "after"), REPLACED)
def test_a_value_becomes_its_variable(tmp_path, before, after):
    assert rewrite(tmp_path, before)[0] == after


UNTOUCHED = [
    ("f('http://localhost:3000.evil.com')", ""),
    ("f('http://localhost:30001/x')", "another local service"),
    ("f('http://localhost:11434/api/generate')", "another local service"),
    ("f(process.env.NEXTAUTH_URL || 'http://localhost:3000')", ""),
    (f"process.env.GROQ_API_KEY = '{KEY}'", "assigned"),
    (f"process.env.GROQ_API_KEY ??= '{KEY}'", "assigned"),
    (f"// {KEY}\nf()", "comment"),
    (f"/* {KEY} */", "comment"),
    (f"const r = /{KEY}/", "text"),
    (f"type K = '{KEY}'", "type"),
    (f"let a: '{KEY}'", "type"),
    (f"enum E {{ A = '{KEY}' }}", "type"),
    (f"const k = '{KEY}' as const", "constant type"),
    (f"import x from '{KEY}'", ""),
    (f"import('{KEY}')", ""),
    (f"require('{KEY}')", ""),
    (f"export * from '{KEY}'", ""),
    (f"const o = {{ '{KEY}': 1 }}", ""),
    (f"'{KEY}'", ""),
    ("export const config = { api: 'http://localhost:3000' }", "compile time"),
    (f"export const runtime = '{KEY}'", "compile time"),
    (f"f('{KEY}\\n')", "escape"),
    (f"f(sql`{KEY}`)", "tagged"),
    ("f(`postgresql://${U}:${P}@localhost/db`)", "composed"),
    ("f('gsk_your_key_here')", ""),
    ("f('mysql://a:pw12345@h/db')", "another kind of database"),
    (f"f('{KEY}'", "cannot be parsed"),
    ("f('Visit http://localhost:3000 now')", ""),
    (f"a\n'Bearer {KEY}'.trim()", "begins a statement"),
    (f"enum E {{ A = '{KEY}' + 'x' }}", "type"),
    (f"const enum E {{ A = '{KEY}' }}", "type"),
    (f"const k = <const>'{KEY}'", "constant type"),
    (f"const k = ['{KEY}'] as const", "constant type"),
    (f"const k = {{ a: ['{KEY}'] }} as const", "constant type"),
    (f"const config = {{ k: '{KEY}' }}\nexport {{ config }}", "compile time"),
    (f"const c = {{ k: '{KEY}' }}\nexport {{ c as config }}", "compile time"),
    (f"export const a = 1, config = {{ k: '{KEY}' }}", "compile time"),
    (f"module.exports.config = {{ k: '{KEY}' }}", "compile time"),
    (f"export const revalidate = '{KEY}'", "compile time"),
    (f"export const metadata = {{ url: '{KEY}' }}", "compile time"),
    (f"export const config = {{ matcher: ['{KEY}'] }}", "compile time"),
    (f"function f(process: any) {{ return '{KEY}' }}", "'process'"),
    (f"import {{ process }} from './mine'\nf('{KEY}')", "'process'"),
    (f"const {{ process }} = window\nf('{KEY}')", "'process'"),
    (f"import x = require('{KEY}')", ""),
    (f"declare module '{KEY}' {{}}", ""),
    (f"import x from './x' with {{ type: '{KEY}' }}", ""),
    (f"require.resolve('{KEY}')", ""),
    (f"interface A {{ k: '{KEY}' }}", "type"),
    (f"f('{KEY[:20]}\\\n{KEY[20:]}')", ""),
    (f"f('\\x67{KEY[1:]}')", ""),
    (f"f(x as '{KEY}')", "type"),
    (f"let a: 'x' | 'y' = '{KEY}'", "constant type"),
    (f"function f(a: 'x' = '{KEY}') {{}}", "constant type"),
    (f"class A {{ k: 'x' = '{KEY}' }}", "constant type"),
    ("f(`mongodb+srv://${user}:x@h`)", "composed"),
    (f"f(`{KEY}${{rest}}`)", "composed"),
    ("f('http://localhost:3000', `')", "cannot be parsed"),
    ("let @@ = 'http://localhost:3000'", "cannot be parsed"),
]


@pytest.mark.parametrize(("text", "told"), UNTOUCHED)
def test_what_is_not_understood_stays_and_is_told(tmp_path, text, told):
    new, proposal, _ = rewrite(tmp_path, text)
    assert new == text
    found = [problem.summary for problem in proposal.problems if problem.where.startswith("lib/server.ts")]
    assert (told in " ".join(found)) if told else not found


def test_a_credential_without_a_variable_is_told(tmp_path):
    foreign = "sk-proj-" + "aB3dE5gH7jK9mN1pQ3sT5vW7"
    new, proposal, _ = rewrite(tmp_path, f"f('http://localhost:3000',\n '{foreign}')")
    assert new == f"f({N}!,\n '{foreign}')"
    (problem,) = proposal.problems
    assert (problem.code, problem.where) == ("hard-coded-secret", "lib/server.ts:2")
    assert foreign not in unified_diff(proposal)


def test_javascript_gets_no_exclamation_mark(tmp_path):
    assert rewrite(tmp_path, f"f('{KEY}')", name="lib/server.js")[0] == f"f({G})"


def test_a_jsx_attribute_gets_braces(tmp_path):
    text = f'export const M = () => <A k="{KEY}" u="http://localhost:3000/x">t</A>'
    wanted = f"export const M = () => <A k={{{G}!}} u={{`${{{N}}}/x`}}>t</A>"
    assert rewrite(tmp_path, text, name="lib/server.tsx")[0] == wanted


def test_a_client_file_is_told_and_untouched(tmp_path):
    text = f"'use client'\n\nexport const k = '{KEY}'\n"
    new, proposal, _ = rewrite(tmp_path, text)
    assert new == text
    (problem,) = proposal.problems
    assert (problem.code, problem.where) == ("client-secret", "lib/server.ts:3")


def test_a_page_is_told_and_untouched(tmp_path):
    text = f"export default () => f('{KEY}')"
    new, proposal, _ = rewrite(tmp_path, text, name="app/page.tsx")
    assert new == text
    assert [problem.code for problem in proposal.problems] == ["hard-coded-secret"]


@pytest.mark.parametrize("name", ["public/app.js", "public/config.json", "public/index.html"])
def test_what_is_shipped_as_it_is_is_told(tmp_path, name):
    _, proposal, _ = rewrite(tmp_path, f'{{"k":"{KEY}"}}', name=name)
    assert [problem.code for problem in proposal.problems] == ["client-secret"]


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"index.html": f"<script>f('{KEY}')</script>"}, ["index.html:1"]),
        ({"index.html": "<script src=a.js></script>", "a.js": f"\nf('{KEY}')"}, ["a.js:2"]),
        ({"index.html": "<p>", "app.js": "f('http://localhost:3000')"}, []),
    ],
)
def test_of_a_static_draft_nothing_is_changed(tmp_path, files, told):
    root = folder(tmp_path / "d", files)
    proposal = propose(root, port=3005, settings=SETTINGS)
    assert not proposal.changes
    assert [(problem.code, problem.where) for problem in proposal.problems] == [
        ("client-secret", each) for each in told
    ]


def test_a_found_secret_becomes_the_drafts_own_value(tmp_path):
    _, proposal, root = rewrite(tmp_path, f"f('{KEY}')", name="(group)/auth.ts")
    text = (root / ".env.local").read_text()
    assert text.index(f"GROQ_API_KEY={KEY}") < text.index("# >>> drafterd")
    assert (root / ".env.local").stat().st_mode & 0o777 == 0o600
    assert KEY not in (root / ".env.example").read_text()
    assert proposal.changes[0].file.startswith(".env")


def test_of_two_secrets_for_one_name_the_first_wins(tmp_path):
    other = KEY.replace("aB3", "zZ9")
    new, proposal, _ = rewrite(tmp_path, f"f('{KEY}'); g('{other}')")
    assert new == f"f({G}!); g('{other}')"
    assert other not in unified_diff(proposal)


def test_a_default_beside_a_set_variable_is_removed(tmp_path):
    more = {".env.local": f"GROQ_API_KEY={'gsk_' + 'another01' * 5}\n"}
    new, _, root = rewrite(tmp_path, f"f(process.env.GROQ_API_KEY || '{KEY}')", **more)
    assert new == f"f({G}!)"
    assert KEY not in (root / ".env.local").read_text()


def test_a_value_of_the_authors_own_env_is_found_by_equality(tmp_path):
    more = {".env": "STRIPE_KEY=rk_live_1234567890\n"}
    assert rewrite(tmp_path, "f('rk_live_1234567890')", **more)[0] == "f(process.env.STRIPE_KEY!)"


def test_what_is_left_alone_whole_leaves_no_value_behind(tmp_path):
    two = f"f('{KEY} {KEY.replace('aB3', 'zZ9')}')"
    new, _, root = rewrite(tmp_path, two)
    assert new == two
    assert KEY not in (root / ".env.local").read_text()


def test_the_same_secret_in_many_files_is_kept_once(tmp_path):
    more = {f"app/api/r{number}/route.ts": f"f('{KEY}')" for number in range(3)}
    _, _, root = rewrite(tmp_path, f"f('{KEY}')", **more)
    assert (root / ".env.local").read_text().count(KEY) == 1


def test_a_default_that_may_be_known_is_left_and_not_kept(tmp_path):
    text = f"f(process.env.GOOGLE_CLIENT_ID || '{CLIENT}')"
    new, _, root = rewrite(tmp_path, text)
    assert new == text
    assert CLIENT not in (root / ".env.local").read_text()


@pytest.mark.parametrize("port", [3000, 3005, 4321])
def test_an_address_is_the_drafts_own_by_its_port(tmp_path, port):
    more = {".env": "PORT=4321\n"}
    assert rewrite(tmp_path, f"f('http://localhost:{port}')", **more)[0] == f"f({N}!)"


def test_a_value_that_is_a_plain_word_is_everybodys(tmp_path):
    more = {".env": "MODE=development\nSHORT=a1b2\nNEXT_PUBLIC_X=https://x.y/1\nSAME=your-key-1234567\n"}
    text = "f('development', 'a1b2', 'https://x.y/1', 'your-key-1234567')"
    assert rewrite(tmp_path, text, **more)[0] == text


def test_what_is_no_secret_may_stay_as_a_default_and_in_browsers(tmp_path):
    more = {".env": "AWS_REGION=us-east-1\nVITE_URL=https://a.b/12\n", "a.tsx": "'use client'\nf('us-east-1')"}
    text = "f(process.env.AWS_REGION || 'us-east-1', 'https://a.b/12') // us-east-1"
    new, proposal, _ = rewrite(tmp_path, text, **more)
    assert new == text
    assert not proposal.problems


@pytest.mark.parametrize("line", ["DB_PASSWORD=hunter2hunter2", "QUEUE=amqps://a:b12345@h/1", "MY_TOKEN=abcdef123456"])
def test_a_secret_of_the_authors_env_is_told_where_browsers_get_it(tmp_path, line):
    value = line.partition("=")[2]
    more = {".env": f"{line}\n", "a.tsx": f"'use client'\nf('{value}')"}
    _, proposal, _ = rewrite(tmp_path, "f()", **more)
    assert [(problem.code, problem.where) for problem in proposal.problems] == [("client-secret", "a.tsx:2")]
    assert value not in repr(proposal.problems)


def test_a_part_of_a_longer_text_is_no_known_value(tmp_path):
    more = {".env": "STRIPE_KEY=rk_live_1234567890\n"}
    text = "f('a rk_live_1234567890 b')"
    assert rewrite(tmp_path, text, **more)[0] == text


def test_nothing_is_replaced_where_the_value_cannot_be_kept(tmp_path):
    root = folder(tmp_path / "d", {"package.json": '{"dependencies":{"next":"1"}}', "auth.ts": f"f('{KEY}')"})
    (root / ".env.local").symlink_to("/dev/null")
    proposal = propose(root, port=3005, settings=SETTINGS)
    assert "auth.ts" not in [change.file for change in proposal.changes]
    assert any("could not be kept" in problem.summary for problem in proposal.problems)


@pytest.mark.parametrize(
    "data", [b"\x00\x01gsk_", b"\xff\xfe" + KEY.encode(), b"f('" + KEY.encode() + b"')" + b" " * 9000]
)
def test_odd_files_stay(tmp_path, data):
    root = folder(tmp_path / "d", {"package.json": '{"dependencies":{"next":"1"}}'})
    (root / "auth.ts").write_bytes(data)
    apply(propose(root, port=3005, settings=SETTINGS))
    assert (root / "auth.ts").read_bytes() == data
