// The route that people write by hand in their web app: a table of ports, fetch, and the answer handed on.
import { createServer } from 'node:http';
import { Readable } from 'node:stream';

const [listen, target] = process.argv.slice(2);
const ports = new Map([['draft-00000', new URL(target).port]]);

createServer(async (request, response) => {
  const [, , , id] = request.url.split('/');
  const port = ports.get(id);
  if (!port) return response.writeHead(404).end();
  try {
    const { host, connection, ...headers } = request.headers;
    const body = ['GET', 'HEAD'].includes(request.method) ? undefined : Readable.toWeb(request);
    const options = { method: request.method, headers, body, duplex: 'half', redirect: 'manual' };
    const answer = await fetch(`http://127.0.0.1:${port}${request.url}`, options);
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    if (answer.body) Readable.fromWeb(answer.body).pipe(response);
    else response.end();
  } catch {
    response.writeHead(502).end();
  }
}).listen(Number(listen.split(':')[1]), '127.0.0.1');
