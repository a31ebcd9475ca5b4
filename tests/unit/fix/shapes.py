"""Shapes of a Next.js configuration as authors write them, shared by the tests that edit and that load them."""

PLAIN = "{ reactStrictMode: true }"

# name: (file, text, whether package.json says "type": "module", whether the folder's edit understands it)
SHAPES: dict[str, tuple[str, str, bool, bool]] = {
    "cjs-inline": ("next.config.js", "module.exports = {\n  reactStrictMode: true,\n}\n", False, True),
    "cjs-name": ("next.config.js", "const c = { reactStrictMode: true }\nmodule.exports = c\n", False, True),
    "cjs-function": ("next.config.js", "module.exports = () => ({ reactStrictMode: true })\n", False, True),
    "cjs-function-body": (
        "next.config.js",
        "module.exports = (phase, { defaultConfig }) => {\n  const c = { reactStrictMode: true };\n  return c;\n};\n",
        False,
        True,
    ),
    "cjs-async": (
        "next.config.js",
        "module.exports = async () => {\n  return { reactStrictMode: true }\n}\n",
        False,
        True,
    ),
    "cjs-with": (
        "next.config.js",
        "const withX = (c) => ({ ...c, trailingSlash: true });\nmodule.exports = withX({ reactStrictMode: true });\n",
        False,
        True,
    ),
    "cjs-with-function": (
        "next.config.js",
        "const withX = (c) => (phase) => ({ ...c });\nconst c = { reactStrictMode: true };\nmodule.exports = withX(c);\n",
        False,
        True,
    ),
    "cjs-curried": (
        "next.config.js",
        "const plugin = (o) => (c) => ({ ...c });\nmodule.exports = plugin({ a: 1 })({ reactStrictMode: true });\n",
        False,
        True,
    ),
    "cjs-esmodule": (
        "next.config.js",
        'Object.defineProperty(exports, "__esModule", { value: true });\nexports.default = { reactStrictMode: true };\n',
        False,
        True,
    ),
    "cjs-mutated": (
        "next.config.js",
        "const c = {};\nc.reactStrictMode = true;\nmodule.exports = c;\n",
        False,
        True,
    ),
    "cjs-dirname": (
        "next.config.js",
        "const path = require('path');\nmodule.exports = { reactStrictMode: path.isAbsolute(__dirname) };\n",
        False,
        True,
    ),
    "cjs-in-module-package": ("next.config.js", "module.exports = { reactStrictMode: true };\n", True, True),
    "esm-js": ("next.config.js", "const c = { reactStrictMode: true };\nexport default c;\n", True, True),
    "esm-object": ("next.config.mjs", "export default {\n  reactStrictMode: true,\n};\n", False, True),
    "esm-function": (
        "next.config.mjs",
        "export default function config() {\n  return { reactStrictMode: true };\n}\n",
        False,
        True,
    ),
    "esm-async": ("next.config.mjs", "export default async () => ({ reactStrictMode: true });\n", False, True),
    "esm-frozen": ("next.config.mjs", "export default Object.freeze({ reactStrictMode: true });\n", False, True),
    "esm-promise": ("next.config.mjs", "export default Promise.resolve({ reactStrictMode: true });\n", False, True),
    "esm-alias": ("next.config.mjs", "const c = { reactStrictMode: true };\nexport { c as default };\n", False, True),
    "esm-await": (
        "next.config.mjs",
        "const extra = await Promise.resolve({ reactStrictMode: true });\nexport default { ...extra };\n",
        False,
        True,
    ),
    "esm-ternary": (
        "next.config.mjs",
        "const on = true;\nexport default on ? { reactStrictMode: true } : {};\n",
        False,
        False,
    ),
    "bom-crlf": ("next.config.mjs", "\ufeffexport default {\r\n  reactStrictMode: true,\r\n};\r\n", False, True),
    "decoys": (
        "next.config.mjs",
        (
            "// module.exports = { output: 'export' }\nconst s = 'export default {}';\n"
            "export default { reactStrictMode: Boolean(s) };\n"
        ),
        False,
        True,
    ),
    "empty": ("next.config.js", "module.exports = {}\n", False, True),
    "ts-typed": (
        "next.config.ts",
        (
            "import type { NextConfig } from 'next';\n\nconst c: NextConfig = {\n  reactStrictMode: true,\n};\n\n"
            "export default c;\n"
        ),
        False,
        True,
    ),
    "ts-satisfies": (
        "next.config.ts",
        "import type { NextConfig } from 'next';\nexport default { reactStrictMode: true } satisfies NextConfig;\n",
        False,
        True,
    ),
    "ts-as": (
        "next.config.ts",
        "import type { NextConfig } from 'next';\nconst c = { reactStrictMode: true } as NextConfig;\nexport default c;\n",
        False,
        True,
    ),
    "ts-async": (
        "next.config.ts",
        (
            "import type { NextConfig } from 'next';\nexport default async (): Promise<NextConfig> => {\n"
            "  return { reactStrictMode: true };\n};\n"
        ),
        False,
        True,
    ),
    "ts-module": (
        "next.config.ts",
        "import type { NextConfig } from 'next';\nconst c: NextConfig = { reactStrictMode: true };\nexport default c;\n",
        True,
        True,
    ),
    "ts-equals": ("next.config.ts", "const c = { reactStrictMode: true };\nexport = c;\n", False, True),
}

MODULE = '{"type":"module"}'
ON = "reactStrictMode: true"

# name: all files of the folder; each sets reactStrictMode and nothing of ours unless its name says so
FOLDERS: dict[str, dict[str, str]] = {
    "imports-a-script": {
        "next.config.js": f"const own = require('./own')\nmodule.exports = {{ ...own, {ON} }}\n",
        "own.js": "module.exports = { trailingSlash: true }\n",
    },
    "imports-a-module": {
        "next.config.mjs": "import own from './own.mjs'\nexport default own\n",
        "own.mjs": f"export default {{ {ON} }}\n",
    },
    "is-another-file": {
        "next.config.js": "module.exports = require('./own')\n",
        "own.js": f"module.exports = {{ {ON} }}",
    },
    "asks-for-another-configuration": {
        "next.config.js": "module.exports = async () => (await import('./next.config.mjs')).default\n",
        "next.config.mjs": f"export default {{ {ON} }}\n",
    },
    "wrapped-twice": {
        "next.config.js": (
            "const withA = (o = {}) => (c = {}) => ({ ...c, env: { A: '1' } })\n"
            "const withB = (c) => Object.assign({}, c, { webpack: (w) => w })\n"
            f"module.exports = withB(withA({{ dest: 'public' }})({{ {ON} }}))\n"
        )
    },
    "function-of-phase": {
        "next.config.js": (
            "const { PHASE_PRODUCTION_BUILD } = require('next/constants')\n"
            "module.exports = (phase, { defaultConfig }) => ({\n"
            "  reactStrictMode: phase === PHASE_PRODUCTION_BUILD && typeof defaultConfig === 'object',\n})\n"
        )
    },
    "assigned-later": {"next.config.js": f"let c = {{}}\nif (true) c = {{ {ON} }}\nmodule.exports = c\n"},
    "object-assign": {"next.config.js": f"module.exports = Object.assign({{}}, {{ {ON} }})\n"},
    "own-export-of-a-name": {"next.config.mjs": f"export const extra = 1;\nexport default {{ {ON} }};\n"},
    "anonymous-async-function": {"next.config.mjs": f"export default async function () {{ return {{ {ON} }} }}\n"},
    "dirname-of-a-module": {
        "next.config.mjs": (
            "import path from 'node:path'\nimport { fileURLToPath } from 'node:url'\n"
            "const here = path.dirname(fileURLToPath(import.meta.url))\n"
            "export default { reactStrictMode: path.isAbsolute(here) }\n"
        )
    },
    "shebang-and-strict": {"next.config.js": f"'use strict'\n/* c */\nmodule.exports = {{ {ON} }} // end"},
    "commonjs-in-mjs": {"next.config.mjs": f"module.exports = {{ {ON} }}\n"},
    "commonjs-in-a-package-of-modules": {
        "package.json": MODULE,
        "next.config.js": f"const path = require('path')\nmodule.exports = {{ {ON}, env: {{ P: path.sep }} }}\n",
    },
    "modules-in-js-without-type": {"next.config.js": f"export default {{ {ON} }}\n"},
    "cjs": {"next.config.cjs": f"module.exports = {{ {ON} }}\n"},
    "cjs-in-a-package-of-modules": {"package.json": MODULE, "next.config.cjs": f"module.exports = {{ {ON} }}\n"},
    "mts": {"next.config.mts": f"const c: object = {{ {ON} }}\nexport default c\n"},
    "ts-imports-ts": {
        "next.config.ts": "import own from './own'\nexport default own\n",
        "own.ts": f"const own: Record<string, unknown> = {{ {ON} }}\nexport default own\n",
    },
    "ts-commonjs": {"next.config.ts": f"const c: any = {{ {ON} }}\nmodule.exports = c\n"},
    "ts-function": {
        "next.config.ts": (
            "import type { NextConfig } from 'next'\n"
            f"export default function config(phase: string): NextConfig {{ return {{ {ON}, env: {{ phase }} }} }}\n"
        )
    },
    "ts-wrapped": {
        "next.config.ts": (
            "import type { NextConfig } from 'next'\nconst withX = (c: NextConfig): NextConfig => ({ ...c })\n"
            f"const c: NextConfig = {{ {ON} }}\nexport default withX(c)\n"
        )
    },
    "export-kept-by-its-own-wrapper": {"next.config.js": f"module.exports = {{ {ON}, output: 'standalone' }}\n"},
    "own-folder-of-the-build": {"next.config.js": f"module.exports = {{ {ON}, distDir: 'build' }}\n"},
    "traced-from-above": {
        "next.config.js": (
            "const path = require('path')\nmodule.exports = {\n"
            f"  {ON}, experimental: {{ outputFileTracingRoot: path.join(__dirname, '../../') }},\n}}\n"
        )
    },
    "traced-from-above-by-its-new-name": {
        "next.config.js": f"module.exports = {{ {ON}, outputFileTracingRoot: require('path').join(__dirname, '..') }}\n"
    },
    "copied-from-a-build": {
        "next.config.draft-original.js": "module.exports = { trailingSlash: true }\n",
        "next.config.js": f"module.exports = {{ {ON} }}\n",
    },
    "two": {
        "next.config.js": f"module.exports = {{ {ON} }}\n",
        "next.config.mjs": "export default { trailingSlash: true }\n",
    },
    "none": {},
}
