"""Fonts whose host cannot be reached."""

import json
import subprocess

import pytest

from tests.unit.build.repairs.situations import chosen, situation

ADDRESS = "https://fonts.googleapis.com/css2?family=Roboto+Mono:ital,wght@0,400;0,700;1,400;1,700&display=swap"
NEXT_16 = f"""[next]/internal/font/google/mono.module.css
There was an issue establishing a connection while requesting {ADDRESS}
Error: Turbopack build failed with 1 errors:
Error: next/font: error:
Failed to fetch Roboto Mono from Google Fonts.
"""
NEXT_14 = f"""request to {ADDRESS} failed, reason: getaddrinfo ENOTFOUND fonts.googleapis.com
Retrying 1/3...
Failed to fetch `Roboto Mono` from Google Fonts.
"""
TURBOPACK_15 = f"""Error while requesting resource
There was an issue establishing a connection while requesting {ADDRESS}.
Failed to fetch `Roboto Mono` from Google Fonts.
"""
NEXT_15 = "[Error: getaddrinfo ENOTFOUND fonts.googleapis.com]\nFailed to fetch `Inter` from Google Fonts.\n"


def answers(found, *addresses):
    """What Next.js would read from the file."""
    path = found.remedy.variant.build_environment["NEXT_FONT_GOOGLE_MOCKED_RESPONSES"]
    program = (
        "const [, file, ...asked] = process.argv; const found = require(file);"
        "console.log(JSON.stringify([Object.keys(found), asked.map((address) => found[address])]))"
    )
    with open(path, "wb") as file:  # noqa: PTH123 -- what the variable holds is a string
        file.write(found.remedy.files[".draft-fonts.cjs"])
    said = subprocess.run(["node", "-e", program, path, *addresses], check=True, capture_output=True, timeout=30)
    return json.loads(said.stdout)


@pytest.mark.parametrize(
    ("said", "listed"), [(NEXT_16, [ADDRESS]), (TURBOPACK_15, [ADDRESS]), (NEXT_14, [ADDRESS]), (NEXT_15, [])]
)
def test_every_address_has_an_answer(tmp_path, said, listed):
    found = chosen(situation(tmp_path, said))
    assert found is not None
    assert found.repair.code == "fallback-fonts"
    known, given = answers(found, ADDRESS, "https://fonts.googleapis.com/css2?family=Inter:wght@100..900&display=swap")
    assert known == listed
    assert "font-family: 'Roboto Mono'" in given[0]
    assert "font-family: 'Inter'" in given[1]
    assert "http" not in given[0]


def test_an_address_cannot_become_code(tmp_path):
    odd = "https://fonts.googleapis.com/css2?family=x');process.exit(1);//&display=swap"
    found = chosen(situation(tmp_path, f"Failed to fetch `X` from Google Fonts. {odd}"))
    assert found is not None
    (_, (given,)) = answers(found, odd)
    assert given == (
        "@font-face { font-family: 'xprocessexit1'; font-style: normal; font-weight: 100 900; src: local('xprocessexit1'); }"
    )


def test_only_next_js_reads_such_a_file(tmp_path):
    package = {"dependencies": {"vite": "7"}}
    assert chosen(situation(tmp_path, NEXT_15, package=package)) is None


def test_a_line_of_the_source_that_names_the_host_is_no_failure_of_it(tmp_path):
    said = '  3 |   <link href="https://fonts.googleapis.com/css2?family=Inter" rel="stylesheet" />'
    assert chosen(situation(tmp_path, said)) is None
