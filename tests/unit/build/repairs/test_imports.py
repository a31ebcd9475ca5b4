"""What the output says that it cannot find; the texts are those of bundlers and shells."""

import pytest

from drafterd.build.repairs import imports
from tests.unit.build.repairs.situations import situation


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ("Error: Module not found: Can't resolve 'clsx/lite'", ["clsx"]),
        ("CssSyntaxError: tailwindcss: /x/app/globals.css:1:1: Can't resolve 'tw-animate-css' in '/x/app'", ["tw-animate-css"]),
        ('[vite]: Rollup failed to resolve import "clsx" from "/x/a.ts".', ["clsx"]),
        ('Error: [vite]: Rolldown failed to resolve import "@a/b/c" from "/x/a.ts".', ["@a/b"]),
        ("[UNRESOLVED_IMPORT] Could not resolve 'clsx' in vite.config.ts", ["clsx"]),
        ("Error [ERR_MODULE_NOT_FOUND]: Cannot find package '@vitejs/plugin-react-swc' imported from /x", ["@vitejs/plugin-react-swc"]),
        ('Unable to resolve `@import "tw-animate-css"` from /x/src', ["tw-animate-css"]),
        ('Error: Preprocessor dependency "sass-embedded" not found. Did you install it?', ["sass-embedded"]),
        ("To use Next.js' built-in Sass support, you first need to install `sass`.", ["sass"]),
        ("Error: terser not found. Since Vite v3, terser has become an optional dependency.", ["terser"]),
        ("sh: 1: tsc: not found", ["typescript"]),
        ("sh: prisma: command not found", ["prisma"]),
        ("/usr/bin/sh: line 1: run-p: command not found", ["npm-run-all"]),
        ("command not found: cross-env", ["cross-env"]),
        # Files and what comes with the bundler.
        ("[UNRESOLVED_IMPORT] Could not resolve './Gone' in src/a.js", []),
        ("Module not found: Can't resolve '@vercel/turbopack-next/internal/font/google/x'", []),
        ("Error: Cannot find module 'node:sqlite'", []),
        ("the page was not found", []),
    ],
)  # fmt: skip
def test_the_packages_that_are_missing(tmp_path, said, names):
    assert list(imports.missing(situation(tmp_path, said))) == names


def test_the_files_that_are_missing(tmp_path):
    found = situation(tmp_path, "[UNRESOLVED_IMPORT] Could not resolve './Gone' in src/a.js")
    assert imports.missing_files(found) == ("./Gone",)
