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
