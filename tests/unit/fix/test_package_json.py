import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drafterd.fix import FixSettings, apply, propose
from drafterd.fix.script_text import with_scripts
from drafterd.fix.scripts import direct, next_line, node_line
from tests.unit.fix.folders import folder

P = "-p ${PORT:-3005}"

LINES = [
    ("PORT=3000 next start", f"next start {P}"),
    ("cross-env NODE_ENV=production PORT=3000 next start", f"cross-env NODE_ENV=production next start {P}"),
    ("cross-env PORT=3000 next start", f"next start {P}"),
    ("export PORT=4000 && next start", f"next start {P}"),
    ("next dev --turbopack --port=3000", f"next dev --turbopack {P}"),
    ("next start --port ${PORT:-3000} -H 0.0.0.0", f"next start {P} -H 0.0.0.0"),
    ('concurrently "next dev -p 3000" "node ws.js"', f'concurrently "next dev {P}" "node ws.js"'),
    ("dotenv -e .env.local -- next dev -p 3000", f"dotenv -e .env.local -- next dev {P}"),
    ("next", f"next dev {P}"),
    ("next -p 80", f"next dev {P}"),
    ("next dev", f"next dev {P}"),
    ("next dev --turbo", f"next dev {P} --turbo"),
    ("next dev -p3000", f"next dev {P}"),
    ("next dev -p$PORT", f"next dev {P}"),
    ('next dev -p "3000"', f"next dev {P}"),
    ("next start -p 1 -p 2", f"next start {P}"),
    ("npx next start -p 80", f"npx next start {P}"),
    ("NODE_OPTIONS='--inspect' next dev", f"NODE_OPTIONS='--inspect' next dev {P}"),
    ("next lint && next start -p 80", f"next lint && next start {P}"),
    ("next dev | pino-pretty", f"next dev {P} | pino-pretty"),
    ("./node_modules/.bin/next dev", f"./node_modules/.bin/next dev {P}"),
    ("env-cmd -f .env.production next start -p 3000", f"env-cmd -f .env.production next start {P}"),
    ("env-cmd next", f"env-cmd next dev {P}"),
    ("dotenv -- next", f"dotenv -- next dev {P}"),
    ("pnpm exec next dev", f"pnpm exec next dev {P}"),
    ("yarn next dev -p 4000", f"yarn next dev {P}"),
    ("bunx --bun next dev", f"bunx --bun next dev {P}"),
    ("bun --bun next dev --port=3000", f"bun --bun next dev {P}"),
    ("cross-env NODE_ENV=production npx next start", f"cross-env NODE_ENV=production npx next start {P}"),
    ("cross-env-shell PORT=3000 next start", f"cross-env-shell next start {P}"),
    ("env PORT=3000 next start", f"next start {P}"),
    ("PORT=$PORT next start", f"next start {P}"),
    ("export PORT=3000; next start", f"next start {P}"),
    ("set PORT=3000 && next start", f"set PORT=3000 && next start {P}"),
    ("next start -p=3000", f"next start {P}"),
    ("next start -p 0", f"next start {P}"),
    ("next start --port 3000 --keepAliveTimeout 70000", f"next start {P} --keepAliveTimeout 70000"),
    ("next start . -p 3000", f"next start . {P}"),
    ("next build && next start", f"next build && next start {P}"),
    ("next dev -p 3000 & node ws.js", f"next dev {P} & node ws.js"),
    ("concurrently 'next dev -p 3000' 'npm:ws'", f"concurrently 'next dev {P}' 'npm:ws'"),
    ('concurrently -k "next dev" "tsc -w"', f'concurrently -k "next dev {P}" "tsc -w"'),
    ("sh -c 'next start -p 3000'", f"sh -c 'next start {P}'"),
    ("next dev -p 3000 2>&1 | tee log", f"next dev {P} 2>&1 | tee log"),
    ("next start -p 3000 || exit 1", f"next start {P} || exit 1"),
    ("npm i next && next dev", f"npm i next && next dev {P}"),
    ("node node_modules/next/dist/bin/next start -p 80", f"node node_modules/next/dist/bin/next start {P}"),
]


@pytest.mark.parametrize(("line", "wanted"), LINES)
def test_only_the_port_of_a_call_of_next_changes(line, wanted):
    assert next_line(line, 3005) == wanted
    assert next_line(wanted, 3005) == wanted


@pytest.mark.parametrize(
    "line",
    [
        "next start-storybook",
        "next lint",
        "node server.js",
        "next dev -p $OTHER",
        "my-next dev",
        "x/next.js",
        "next --help",
        "npm run next",
        "npm-run-all --parallel dev:next",
        "run-p next css",
        "npx --yes next@latest dev",
        "next start -p %PORT%",
        "turbo run dev",
        "pm2-runtime start npm -- start",
    ],
)
def test_what_is_no_plain_call_of_next_is_not_understood(line):
    assert next_line(line, 3005) is None


def test_a_moved_home_port_is_followed():
    assert next_line(f"next dev {P}", 3009) == "next dev -p ${PORT:-3009}"
    assert node_line("PORT=${PORT:-3005} node x.js", 3009) == "PORT=${PORT:-3009} node x.js"


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("PORT=3000 node server.js", "PORT=${PORT:-3005} node server.js"),
        ("node server.js --port 3000", "node server.js --port ${PORT:-3005}"),
        ("node server.js --port=3000", "node server.js --port=${PORT:-3005}"),
        ("MY_PORT=3000 node server.js", "MY_PORT=3000 node server.js"),
        ("node server.js", "node server.js"),
    ],
)
def test_ports_of_other_servers(line, wanted):
    assert node_line(line, 3005) == wanted


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("node server.js", ("node", "server.js")),
        (
            "PORT=${PORT:-3005} NODE_ENV=production node --enable-source-maps dist/index.js",
            ("node", "--enable-source-maps", "dist/index.js"),
        ),
        ("cross-env NODE_ENV=production node a.js", ("node", "a.js")),
        ("DEBUG=1 node server.js", None),
        ("node a.js && node b.js", None),
        ("node server.js --port ${PORT:-3005}", None),
        ("tsx server.ts", None),
        ("node $(x)", None),
        ("node", None),
    ],
)
def test_a_plain_command_needs_no_npm(line, wanted):
    assert direct(line) == wanted


def fixed(tmp_path, text, **more):
    root = folder(tmp_path / "d", {"package.json": text, **more})
    proposal = propose(root, port=3005, settings=FixSettings())
    apply(proposal)
    assert not [edit for edit in propose(root, port=3005, settings=FixSettings()).edits if edit.file == "package.json"]
    return (root / "package.json").read_bytes(), proposal


NEXT = '"dependencies":{"next":"16"}'
D, S = f'"next dev {P}"', f'"next start {P}"'

TEXTS = [
    (f"{{{NEXT}}}", f'{{"scripts":{{"dev":{D},"build":"next build","start":{S}}},{NEXT}}}'),
    (
        f'{{\r\n\t"scripts": {{\r\n\t\t"dev": "next dev"\r\n\t}},\r\n\t{NEXT}\r\n}}',
        f'{{\r\n\t"scripts": {{\r\n\t\t"dev": {D},\r\n\t\t"build": "next build",\r\n\t\t"start": {S}\r\n\t}},\r\n\t{NEXT}\r\n}}',
    ),
    (
        f'{{"scripts":{{"dev":"next","build":"b","start":"a","start":"next start"}},{NEXT}}}',
        f'{{"scripts":{{"dev":{D},"build":"b","start":"a","start":{S}}},{NEXT}}}',
    ),
    (
        f'{{"scripts":{{"dev":"next"}},"scripts":{{"build":"x"}},{NEXT}}}',
        f'{{"scripts":{{"dev":"next"}},"scripts":{{"build":"x","dev":{D},"start":{S}}},{NEXT}}}',
    ),
    (
        f'{{ // c\n "homepage":"http://x//y", "scripts":{{"build":"next build /* x */","dev":"next dev","start":"next start",}}, {NEXT},}}',
        f'{{ \n "homepage":"http://x//y", "scripts":{{"build":"next build /* x */","dev":{D},"start":{S}}}, {NEXT}}}',
    ),
    (
        f'{{"description":"é😀","scripts":{{"dev":"next dev","build":"next build","start":"next dev"}},{NEXT}}}',
        f'{{"description":"é😀","scripts":{{"dev":{D},"build":"next build","start":{S}}},{NEXT}}}',
    ),
    (
        f'{{"scripts":{{"build":"prisma generate && next build"}},{NEXT}}}',
        f'{{"scripts":{{"build":"prisma generate && next build","dev":{D},"start":{S}}},{NEXT}}}',
    ),
]


@pytest.mark.parametrize(("text", "wanted"), TEXTS)
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_only_values_of_scripts_change(tmp_path, text, wanted, bom):
    assert fixed(tmp_path, bom + text.encode())[0] == bom + wanted.encode()


def test_missing_scripts_take_the_files_own_indentation(tmp_path):
    text = f'{{\n    "name": "x",\n    {NEXT}\n}}\n'
    wanted = (
        f'{{\n    "scripts": {{\n        "dev": {D},\n        "build": "next build",\n        "start": {S}\n    }},\n'
        f'    "name": "x",\n    {NEXT}\n}}\n'
    )
    assert fixed(tmp_path, text)[0].decode() == wanted


def test_removed_comments_are_told(tmp_path):
    _, proposal = fixed(tmp_path, f"{{{NEXT},}}")
    assert "package-comments" in [edit.rule for edit in proposal.edits]


NEXT_SCRIPTS = '"dev":"next dev","build":"next build","start":"next start"'


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (f"{{{NEXT}}}", {"dev": f"next dev {P}", "build": "next build", "start": f"next start {P}"}),
        (f'{{"scripts":{{}},{NEXT}}}', {"dev": f"next dev {P}", "build": "next build", "start": f"next start {P}"}),
        (
            f'{{"scripts":{{"dev":"","build":" ","start":7}},{NEXT}}}',
            {"dev": f"next dev {P}", "build": "next build", "start": f"next start {P}"},
        ),
        (
            f'{{"scripts":{{"prebuild":"x","postbuild":"y","start":"next dev --turbo"}},{NEXT}}}',
            {
                "prebuild": "x",
                "postbuild": "y",
                "start": f"next start {P}",
                "dev": f"next dev {P}",
                "build": "next build",
            },
        ),
        (
            f'{{"scripts":{{"dev":"turbo dev","build":"turbo build","start":"npm run serve"}},{NEXT}}}',
            {"dev": "turbo dev", "build": "turbo build", "start": "npm run serve"},
        ),
    ],
)
def test_what_is_missing_is_added_and_what_is_there_stays(tmp_path, text, wanted):
    data, _ = fixed(tmp_path, text)
    assert json.loads(data)["scripts"] == wanted


@pytest.mark.parametrize(
    "start", ["node .next/standalone/server.js", "NODE_ENV=production node ./.next/standalone/server.js"]
)
def test_the_server_of_a_standalone_build_follows_the_port_by_itself(tmp_path, start):
    data, proposal = fixed(
        tmp_path, f'{{"scripts":{{"dev":"next dev","build":"next build","start":"{start}"}},{NEXT}}}'
    )
    assert json.loads(data)["scripts"]["start"] == start
    assert not [problem for problem in proposal.problems if problem.where == "package.json"]
    assert proposal.recipe is not None
    assert proposal.recipe.start == ()


@pytest.mark.parametrize("old", ["{}", "{ }", "{\n}", '{"private":true}', "{\r\n\t\r\n}"])
def test_an_empty_object_gets_its_scripts(old):
    new = with_scripts(old, {"dev": "a", "start": "b"})
    assert json.loads(new) == {**json.loads(old), "scripts": {"dev": "a", "start": "b"}}
    assert with_scripts(new, {"dev": "a", "start": "b"}) == new


@pytest.mark.parametrize("ends", ["\n", "", "\n\n", "\r\n"])
def test_the_end_of_the_file_stays(tmp_path, ends):
    data, _ = fixed(tmp_path, f"{{{NEXT}}}{ends}")
    assert data.decode().endswith(f"}}{ends}")


def test_an_own_server_keeps_its_command(tmp_path):
    more = {"server.js": "require('next')"}
    data, proposal = fixed(tmp_path, f'{{"scripts":{{"start":"NODE_ENV=production node server.js"}},{NEXT}}}', **more)
    assert json.loads(data)["scripts"]["start"] == "NODE_ENV=production node server.js"
    assert [problem.code for problem in proposal.problems] == ["script-kept"]
    assert proposal.recipe is not None
    assert proposal.recipe.start == ("node", "server.js")


def test_an_address_in_start_is_told(tmp_path):
    _, proposal = fixed(tmp_path, f'{{"scripts":{{"start":"next start -H 0.0.0.0"}},{NEXT}}}')
    assert [problem.code for problem in proposal.problems] == ["script-host"]


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b'{\n  "a": 1\n  "b": 2\n}', "package.json:3:3"),
        (b'{\n  "a": x // c\n}', "package.json:2:8"),
        (b"", "package.json:1:1"),
        (b"[1]", "package.json:1:1"),
        (b'{\n "scripts": "x"}', "package.json:2:2"),
        (b'{\n "a": "\xff"}', "package.json:2:8"),
        ('{"a":1}'.encode("utf-16"), "package.json:1:1"),
        (b'{"a": NaN}', "package.json:1:1"),
        (b"[" * 100_000, "package.json:1:1"),
    ],
)
def test_what_npm_refuses_is_a_problem_with_its_place(tmp_path, data, place):
    root = folder(tmp_path / "d", {"package.json": data})
    found = propose(root, port=3005, settings=FixSettings())
    assert found.recipe is None
    assert not found.changes
    assert found.problem is not None
    assert (found.problem.code, found.problem.where) == ("bad-package-json", place)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)

SCRIPT_LINES = st.sampled_from(
    [line for line, _ in LINES] + ["", "node server.js", "next lint && next build", "é && x"]
)


@settings(max_examples=120, deadline=None)
@given(
    st.dictionaries(st.text(max_size=5), JSON, max_size=4).filter(lambda found: "scripts" not in found),
    st.dictionaries(
        st.sampled_from(["dev", "build", "start", "test", "prebuild"]), SCRIPT_LINES | st.integers(), max_size=5
    ),
    st.sampled_from([None, 2, "\t"]),
)
def test_a_fixed_package_holds_the_old_one_and_rests(tmp_path_factory, found, scripts, indent):
    found = {**found, "dependencies": {"next": "15"}, "scripts": scripts}
    data, _ = fixed(tmp_path_factory.mktemp("p"), json.dumps(found, indent=indent))
    new = json.loads(data)
    assert {**new, "scripts": None} == {**found, "scripts": None}
    assert {"dev", "build", "start"} <= new["scripts"].keys()
    assert [name for name in scripts if name not in {"dev", "build", "start"}] == [
        name for name in new["scripts"] if name not in {"dev", "build", "start"}
    ]
    for name in ("test", "prebuild"):
        assert new["scripts"].get(name) == scripts.get(name)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(st.text(), JSON).filter(lambda found: "scripts" not in found),
    st.none() | st.dictionaries(st.text(), JSON, max_size=4),
    st.sampled_from([None, 2, "\t"]),
    st.booleans(),
)
def test_any_object_keeps_all_else_and_rests(found, scripts, indent, plain):
    if scripts is not None:
        found = {**found, "scripts": scripts}
    text = json.dumps(found, indent=indent, ensure_ascii=plain)
    wanted = {"dev": "a", "build": 'b "q"', "start": "ü"}
    new = with_scripts(text, wanted)
    assert json.loads(new) == {**found, "scripts": {**(scripts or {}), **wanted}}
    assert with_scripts(new, wanted) == new
