// The route that people write by hand in their web app: a table of ports, fetch, and the answer handed on.
const ports = new Map([['draft-00000', process.env.TARGET_PORT]]);

async function proxy(request, { params }) {
  const { id, path = [] } = await params;
  const port = ports.get(id);
  if (!port) return new Response('no such draft', { status: 404 });
  const url = `http://127.0.0.1:${port}/api/draft/${id}/${path.join('/')}${new URL(request.url).search}`;
  const headers = new Headers(request.headers);
  headers.delete('host');
  headers.delete('connection');
  const body = ['GET', 'HEAD'].includes(request.method) ? undefined : request.body;
  try {
    const answer = await fetch(url, { method: request.method, headers, body, duplex: 'half', redirect: 'manual' });
    return new Response(answer.body, { status: answer.status, headers: answer.headers });
  } catch {
    return new Response('bad gateway', { status: 502 });
  }
}

export { proxy as GET, proxy as POST, proxy as PUT, proxy as PATCH, proxy as DELETE };
