"""How each way to write a port down follows `PORT`, and stays what it was without it."""

import pytest

from drafterd.fix.listeners import servers, spliced

N, T = "Number(process.env.PORT) || ", "process.env.PORT || "

FOLLOWING = [
    ("app.listen(3000)", f"app.listen({N}3000)"),
    ("app.listen('3000')", f"app.listen({T}'3000')"),
    ("app.listen((3000))", f"app.listen(({N}3000))"),
    ("app.listen(3000 as number)", f"app.listen({N}3000 as number)"),
    ("const PORT = 3000; app.listen(PORT, cb)", f"const PORT = {N}3000; app.listen(PORT, cb)"),
    ("let port = '3000'; app.listen(port)", f"let port = {T}'3000'; app.listen(port)"),
    ("const port: number = 3000; app.listen(port)", f"const port: number = {N}3000; app.listen(port)"),
    ("const p = 3000, q = 2; app.listen(p)", f"const p = {N}3000, q = 2; app.listen(p)"),
    ("const a = 3000; const b = a; app.listen(b)", f"const a = {N}3000; const b = a; app.listen(b)"),
    ("app.listen(process.env.API_PORT || 5000)", f"app.listen({T}process.env.API_PORT || 5000)"),
    ("app.listen(process.env['API_PORT'] || 5000)", f"app.listen({T}process.env['API_PORT'] || 5000)"),
    (
        "app.listen(process.env.API_PORT ?? 5000)",
        "app.listen(process.env.PORT ?? process.env.API_PORT ?? 5000)",
    ),
    (
        "app.listen(process.env.A || process.env.B || 5000)",
        f"app.listen({T}process.env.A || process.env.B || 5000)",
    ),
    ("app.listen(Number(process.env.A) || 5000)", f"app.listen({N}Number(process.env.A) || 5000)"),
    ("app.listen(+process.env.A || 5000)", f"app.listen({N}+process.env.A || 5000)"),
    (
        "app.listen(parseInt(process.env.A || '5000', 10))",
        f"app.listen(parseInt({T}process.env.A || '5000', 10))",
    ),
    ("app.listen(Number(process.env.A ?? 5000))", "app.listen(Number(process.env.PORT ?? process.env.A ?? 5000))"),
    ("app.listen(process.env.A)", f"app.listen({T}process.env.A)"),
    ("app.listen(process.env.A!)", f"app.listen({T}process.env.A!)"),
    ("app.listen(options.port || 3000)", f"app.listen(options.port || {N}3000)"),
    ("app.listen(options.port ?? 3000)", f"app.listen(options.port ?? ({N}3000))"),
    ("app.listen(dev ? 3000 : 8080)", f"app.listen({N}(dev ? 3000 : 8080))"),
    ("app.listen(dev ? '3000' : '80')", f"app.listen({T}(dev ? '3000' : '80'))"),
    ("const c = { port: 3000 }; app.listen(c.port)", f"const c = {{ port: {N}3000 }}; app.listen(c.port)"),
    (
        "class S { constructor() { this.port = 3000 } run() { this.app.listen(this.port) } }",
        f"class S {{ constructor() {{ this.port = {N}3000 }} run() {{ this.app.listen(this.port) }} }}",
    ),
    (
        "class S { port = 3000; run() { this.app.listen(this.port) } }",
        f"class S {{ port = {N}3000; run() {{ this.app.listen(this.port) }} }}",
    ),
    ("app.set('port', 3000); app.listen(app.get('port'))", f"app.set('port', {N}3000); app.listen(app.get('port'))"),
]

KEPT = [
    "app.listen(0)",
    "app.listen(99999)",
    "app.listen(0x0bb8)",
    "app.listen('/run/app.sock')",
    "app.listen(base + 1)",
    "app.listen(`${port}`)",
    "let port = 3000; port = 4000; app.listen(port)",
    "let port = 3000; port += 1; app.listen(port)",
    "let port = 3000; port++; app.listen(port)",
    "const port = 3000; function f(port) { app.listen(port) }",
    "const port = 3000; const f = (port = 1) => app.listen(port)",
    "const port = 3000; { const port = f(); app.listen(port) }",
    "const port = 3000; const { port } = config; app.listen(port)",
    "import { port } from './config'; app.listen(port)",
    "const port: 3000 = 3000; app.listen(port)",
    "const port = port; app.listen(port)",
    "const a = b; const b = a; app.listen(a)",
    "const start = async (port = 3000) => app.listen(port)",
    "const c = { port: 3000 }; c.port = f(); app.listen(c.port)",
    "class S { port = 3000; set() { this.port = 1 } run() { this.app.listen(this.port) } }",
    "app.set('port', 3000); app.set('port', 1); app.listen(app.get('port'))",
    "app.listen(Number(process.env.A) ?? 5000)",
    "app.listen(dev ? 3000 : '80')",
    "app.listen(pick(3000))",
]


def changed(text, name="server.ts"):
    return spliced(text, [splice for each in servers(name, text).listeners for splice in each.splices])


@pytest.mark.parametrize("name", ["server.ts", "server.mts"])
@pytest.mark.parametrize(("text", "wanted"), FOLLOWING)
def test_it_follows(text, wanted, name):
    assert changed(text, name) == wanted
    assert servers(name, wanted).follows


@pytest.mark.parametrize(
    "text", [text for text, _ in FOLLOWING if not any(sign in text for sign in (": n", " as ", "!"))]
)
def test_javascript_is_understood_like_typescript(text):
    assert changed(text, "server.js") == changed(text)


@pytest.mark.parametrize("text", KEPT)
def test_what_is_not_understood_is_kept(text):
    assert changed(text) == text


def test_a_deep_chain_of_names_ends():
    text = "".join(f"const a{n} = a{n + 1};" for n in range(100)) + "const a100 = 3000; app.listen(a0)"
    assert changed(text) == text


def test_offsets_are_those_of_the_text():
    text = "// é😀ü\r\nconst s = '😀'; app.listen(3000)\r\n"
    assert changed(text) == text.replace("3000", f"{N}3000")
