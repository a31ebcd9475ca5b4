"""Our reading and writing of env files against Next.js's own loader."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drafterd.fix.dotenv import expand, parse, quoted

_SCRIPT = """
const { processEnv } = require('@next/env');
const lines = require('node:readline').createInterface({ input: process.stdin });
lines.on('line', (line) => {
  for (const name of Object.keys(process.env)) delete process.env[name];
  const [, parsed] = processEnv([{ path: `${Math.random()}`, contents: JSON.parse(line) }], undefined, console, true);
  console.log(JSON.stringify(parsed ?? {}));
});
"""

ODD = st.text("aA$\\'\"`#= \n\t{}:-1é", max_size=24)
VALUES = ODD | st.text(st.characters(codec="utf-8"), max_size=40)
# A reference to an inherited name of JavaScript's objects is found there by the loader; nobody writes such.
TEXTS = st.lists(st.tuples(st.sampled_from(["A", "B", "export C", " D"]), ODD), max_size=4)


@pytest.fixture(scope="module")
def loader(tmp_path_factory):
    """A process that answers each text with what Next.js reads in it."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not there")
    root: Path = tmp_path_factory.mktemp("loader")
    (root / "package.json").write_text("{}")
    install = ["npm", "install", "--no-audit", "--no-fund", "@next/env@16"]
    done = subprocess.run(install, cwd=root, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    (root / "read.cjs").write_text(_SCRIPT)
    with subprocess.Popen(
        ["node", "read.cjs"], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        assert process.stdin
        assert process.stdout
        output, replies = process.stdin, process.stdout

        def read(text):
            output.write(json.dumps(text) + "\n")
            output.flush()
            return json.loads(replies.readline())

        yield read
        output.close()
        process.wait(10)


HOSTILE = [
    "pa$$word",
    "x$1y",
    "${A}",
    "a\\$b",
    "it's",
    'say "x"',
    "a#b",
    " x ",
    "a\nb",
    "\\",
    "\\n'",
    "$",
    "`",
    "a=b",
    "é😀",
]


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_values(loader, value):
    form = quoted(value)
    if form is not None:
        assert loader(f"K={form}\nL='# x'\n") == {"K": value, "L": "# x"}


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(VALUES)
def test_what_we_write_next_reads_back(loader, value):
    form = quoted(value)
    if form is not None:
        assert loader(f"K={form}\nL='# x'\n") == {"K": value, "L": "# x"}


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXTS)
def test_we_read_what_next_reads(loader, lines):
    text = "".join(f"{name}={value}\n" for name, value in lines)
    assert expand(parse(text), {}) == loader(text)
