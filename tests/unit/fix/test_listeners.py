"""What counts as a server that listens, and what only looks like one."""

import pytest

from drafterd.fix.listeners import Unparsable, servers

LISTENING = [
    ("app.listen(3000)", 3000),
    ("const app = express(); app.listen(3000, () => {})", 3000),
    ("app.listen(3000, '0.0.0.0', cb)", 3000),
    ("express().use(x).listen(3000)", 3000),
    ("http.createServer((q, r) => r.end()).listen(8080, '127.0.0.1')", 8080),
    ("(await NestFactory.create(App)).listen(3000)", 3000),
    ("await fastify.listen({ port: 3000, host: 'localhost' })", 3000),
    ("const port = 5000; server.listen({ port, host: '0.0.0.0', reusePort: true }, () => {})", 5000),
    ("serve({ fetch: app.fetch, port: 3000 }, (info) => {})", 3000),
    ("Bun.serve({ port: 3000, fetch(request) {} })", 3000),
    ("export default { port: 3000, fetch: app.fetch }", 3000),
    ("export default { port: 3000, fetch(request) {} }", 3000),
    ("const server = Hapi.server({ port: 3000, host: 'localhost' })", 3000),
    ("const server = new Hapi.Server({ port: 3000 })", 3000),
    ("startStandaloneServer(server, { listen: { port: 4000 } })", 4000),
    ("new Elysia().get('/', f).listen(3000)", 3000),
    ("nextApp.prepare().then(() => { createServer(h).listen(3000, (e) => {}) })", 3000),
]
SOCKETS = [
    ("new WebSocketServer({ port: 8080 })", 8080),
    ("new WebSocket.Server({ port: 8080 })", 8080),
    ("import { Server } from 'socket.io'; new Server(3001, { cors: {} })", 3001),
    ("const { Server } = require('socket.io'); new Server(3001)", 3001),
]
OTHERS = [
    "emitter.listen('x', cb)",
    "socket.listen(cb)",
    "history.listen(() => {})",
    "const cb = () => 1; const app = express(); app.listen(cb)",
    "function cb() {} const app = express(); app.listen(cb)",
    "const stop = store.listen(listener)",
    "app.listen()",
    "listen(3000)",
    "import net from 'net'; net.createServer().listen(9000)",
    "import { createServer } from 'node:net'; const s = createServer(); s.listen(9000)",
    "const { createServer } = require('net'); createServer(f).listen(9000)",
    "const net = require('net'); new net.Server(f).listen(9000)",
    "import { Server } from 'socket.io'; new Server(httpServer)",
    "new WebSocketServer({ server })",
    "new WebSocketServer({ noServer: true })",
    "serve(app)",
    "connect({ port: 3000, host: 'db' })",
    "new Pool({ port: 5432 })",
    "mailer.createTransport({ port: 587 })",
    "export default defineConfig({ server: { port: 3000 } })",
    "export default { port: 3000 }",
    "// app.listen(3000)",
    "const help = 'app.listen(3000)'",
]
READING = [
    "app.listen(process.env.PORT || 3000)",
    "app.listen(process.env['PORT'] || 3000)",
    "const { PORT = 3000 } = process.env; app.listen(PORT)",
    "const { PORT: port } = process.env; app.listen(port)",
    "import { env } from 'node:process'; app.listen(env.PORT ?? 3000)",
    "const port = Bun.env.PORT; Bun.serve({ port, fetch })",
    "app.listen(process?.env?.PORT)",
]


@pytest.mark.parametrize(("text", "port"), LISTENING)
def test_a_server(text, port):
    (found,) = servers("server.ts", text).listeners
    assert (found.port, found.is_known, found.is_socket) == (port, True, False)
    assert not servers("server.ts", text).follows


@pytest.mark.parametrize(("text", "port"), SOCKETS)
def test_a_server_of_web_sockets(text, port):
    (found,) = servers("server.ts", text).listeners
    assert (found.port, found.is_known, found.is_socket) == (port, True, True)


@pytest.mark.parametrize("text", OTHERS)
def test_something_else(text):
    assert servers("server.ts", text).listeners == ()


@pytest.mark.parametrize("text", READING)
def test_a_server_that_follows_already(text):
    assert servers("server.ts", text).follows


@pytest.mark.parametrize("text", ["const PORT = 3000", "const o = { PORT: 3000 }", "f('PORT')", "env.EXPORT", "x.PORT"])
def test_what_does_not_follow(text):
    assert not servers("server.ts", text).follows


def test_a_server_on_a_port_of_which_nothing_is_known_is_seen():
    (found,) = servers("a.js", "const app = express(); app.listen(config.port)").listeners
    assert (found.port, found.is_known) == (None, False)


def test_each_says_where_it_stands():
    found = servers("a.js", "const a = 1\n\napp.listen(3000)\nserve({ fetch, port: 4000 })").listeners
    assert [each.line for each in found] == [3, 4]


def test_another_meaning_of_process():
    assert servers("a.js", "const process = f(); app.listen(3000)").shadowed


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "text",
    [
        "app.listen(" + "a || " * 30_000 + "3000)",
        "app.listen(" + "Number(" * 3_000 + "3000" + ")" * 3_000 + ")",
        "app.listen(" + "(" * 3_000 + "3000" + ")" * 3_000 + ")",
        "app.listen(port);" * 30_000,
        "x" + ".use(y)" * 5_000 + ".listen(3000)",
        "const p = " + "{ a: process.env.PORTS, b: " * 2_000 + "1" + "}" * 2_000,
        "process.env.PORT;" * 30_000,
        "".join(f"const a{n} = a{n + 1};" for n in range(5_000)) + "app.listen(a0)",
    ],
)
def test_a_hostile_text_ends_soon(text):
    servers("a.js", text)


def test_no_program():
    with pytest.raises(Unparsable) as caught:
        servers("a.js", "\napp.listen(3000")
    assert caught.value.line >= 1
