'use strict';
// Loaded into a draft's server before its own code (NODE_OPTIONS=--require). A draft that believes to
// live at the root of a host, on port 3000, is served below a prefix, on another port: redirects to its
// root, or to the internal address it listens on, get the prefix, and so do its cookies; what its server
// asks of its own app arrives there. It says nothing and never throws.
(() => {
  try {
    const { Server, ServerResponse } = require('node:http');
    const { Socket } = require('node:net');
    const { subscribe } = require('node:diagnostics_channel');
    const proto = ServerResponse.prototype;
    const loaded = Symbol.for('drafterd.preload');
    if (proto[loaded]) return;
    Object.defineProperty(proto, loaded, { value: true });

    const prefix = cleanPrefix(process.env.DRAFTERD_PREFIX);
    const base = cleanPrefix(process.env.DRAFTERD_BASE_PATH); // what the app itself was built for
    const internalHosts = new Set(['localhost', '127.0.0.1', '0.0.0.0', '[::1]']);

    function cleanPrefix(text) {
      const trimmed = typeof text === 'string' ? text.replace(/\/+$/, '') : '';
      return /^(\/[A-Za-z0-9_.~-]+)+$/.test(trimmed) ? trimmed : '';
    }

    function isOwn(host, response) {
      const colon = host.lastIndexOf(':');
      const [name, port] = colon > host.lastIndexOf(']') ? [host.slice(0, colon), host.slice(colon + 1)] : [host, ''];
      if (internalHosts.has(name.toLowerCase()) && port !== '') {
        const socket = response.socket;
        if (port === process.env.PORT || (socket && port === String(socket.localPort))) return true;
      }
      const headers = (response.req && response.req.headers) || {};
      return typeof headers.host === 'string' && host.toLowerCase() === headers.host.toLowerCase();
    }

    function fixLocation(value, response) {
      if (Array.isArray(value)) return value.map((each) => fixLocation(each, response));
      if (typeof value !== 'string') return value;
      const absolute = /^https?:\/\/([^/?#\\]+)(.*)$/is.exec(value);
      let path = value;
      if (absolute) {
        if (!isOwn(absolute[1], response)) return value;
        path = absolute[2].startsWith('/') ? absolute[2] : '/' + absolute[2];
        if (/^\/[/\\]/.test(path)) return value; // without its host it would name another one
      }
      if (!path.startsWith('/') || /^\/[/\\]/.test(path)) return value; // relative, or another host
      return prefix === '' || isBelow(path, prefix) ? path : prefix + path;
    }

    function isBelow(path, place) {
      return path.startsWith(place) && /^(?:$|[/?#])/.test(path.slice(place.length));
    }

    function fixCookie(value) {
      if (Array.isArray(value)) return value.map(fixCookie);
      // Browsers refuse a __Host- cookie with any path but the root.
      if (prefix === '' || typeof value !== 'string' || /^\s*__Host-/i.test(value)) return value;
      const parts = value.split(';');
      const at = parts.findIndex((part, index) => index > 0 && /^\s*path\s*(=|$)/i.test(part));
      if (at < 0) return value + '; Path=' + prefix;
      const path = parts[at].split('=').slice(1).join('=').trim();
      if (path !== '/' && path !== '') return value;
      parts[at] = ' Path=' + prefix;
      return parts.join(';');
    }

    function fix(name, value, response) {
      try {
        const lower = typeof name === 'string' ? name.toLowerCase() : '';
        if (lower === 'location') return fixLocation(value, response);
        if (lower === 'set-cookie') return fixCookie(value);
      } catch {
        // the draft's own value goes out
      }
      return value;
    }

    function fixAll(headers, response) {
      if (Array.isArray(headers)) {
        if (headers.every(Array.isArray)) return headers.map(([name, ...rest]) => [name, ...rest.map((v) => fix(name, v, response))]);
        return headers.map((value, index) => (index % 2 ? fix(headers[index - 1], value, response) : value));
      }
      if (headers === null || typeof headers !== 'object') return headers;
      const names = Object.keys(headers);
      if (!names.some((name) => /^(location|set-cookie)$/i.test(name))) return headers;
      return Object.fromEntries(names.map((name) => [name, fix(name, headers[name], response)]));
    }

    function patch(target, name, change) {
      const original = target[name];
      if (typeof original !== 'function') return;
      const replacement = {
        [name](...args) {
          const changed = change(this, args);
          return changed === null ? true : original.apply(this, changed); // null: it is done
        },
      }[name];
      const enumerable = Object.prototype.propertyIsEnumerable.call(target, name);
      Object.defineProperty(replacement, 'length', { value: original.length, configurable: true });
      Object.defineProperty(target, name, { value: replacement, writable: true, configurable: true, enumerable });
    }

    const one = (response, args) =>
      args.length > 1 ? [args[0], fix(args[0], args[1], response), ...args.slice(2)] : args;
    patch(proto, 'setHeader', one);
    patch(proto, 'appendHeader', one);
    patch(proto, 'writeHead', (response, args) => {
      try {
        return args.map((arg, index) => (index > 0 && typeof arg === 'object' ? fixAll(arg, response) : arg));
      } catch {
        return args;
      }
    });

    // What the app's own server, or a link that it made, asks for by an address that lacks the prefix.
    const AUTH = '/api/auth';
    const ACTIONS = 'providers|session|csrf|signin|signout|callback|verify-request|error|_log|webauthn-options';
    const authAction = new RegExp(`^/(?:${ACTIONS})?(?:[/?#]|$)`);
    const [, origin, named] = /^(https?:\/\/[^/]+)(.*)$/.exec(process.env.NEXTAUTH_URL || '') || [];
    // next-auth 4 wants the address of its routes in the variable that everybody else reads as the app's own.
    const namesRoutes = base !== '' && named === base + AUTH;
    let routes;

    function readRoutes() {
      const file = require('node:fs').readFileSync('.next/routes-manifest.json', 'utf8');
      const { staticRoutes = [], dynamicRoutes = [], rewrites = [] } = JSON.parse(file);
      const own = [...staticRoutes, ...dynamicRoutes].filter(
        ({ page }) => page.startsWith(AUTH + '/') && !/^\/api\/auth\/\[{1,2}\.\.\./.test(page),
      );
      const rules = Array.isArray(rewrites) ? rewrites : Object.values(rewrites).flat();
      const pattern = ({ regex }) => new RegExp(regex);
      return { own: own.map(pattern), rules: rules.map(pattern) };
    }

    function isOwnRoute(path) {
      try {
        routes ??= readRoutes();
      } catch {
        routes = { own: [], rules: [] };
      }
      return routes.own.some((route) => route.test(path)) || routes.rules.some((rule) => rule.test(base + path));
    }

    function home(url) {
      if (base === '' || base !== prefix || typeof url !== 'string' || !url.startsWith('/')) return url;
      if (!isBelow(url, base)) return base + url;
      if (!namesRoutes || !isBelow(url, base + AUTH)) return url;
      const rest = url.slice(base.length + AUTH.length);
      if (rest === '' || authAction.test(rest)) return url;
      return isOwnRoute(AUTH + rest.replace(/\/?(?:[?#].*)?$/s, '')) ? url : base + rest;
    }

    function isAnswered(request, response) {
      const url = home(request.url);
      if (url === request.url) return false;
      const isPage = request.method === 'GET' && /text\/html/i.test(request.headers.accept || '');
      if (isPage && isBelow(request.url, base)) {
        // A page must know its own address.
        response.writeHead(307, { Location: url, 'Cache-Control': 'no-store' }).end();
        return true;
      }
      request.url = url;
      return false;
    }

    const listening = new Set();
    const portOf = (server) => String((server.address() || {}).port);
    patch(Server.prototype, 'emit', (server, args) => {
      try {
        if (args[0] === 'listening') {
          listening.add(portOf(server));
          if (portOf(server) === process.env.PORT) process.env.DRAFTERD_LISTENS = process.env.PORT; // its workers' too
        }
        // Older versions of Next.js have servers of their own behind the one in front.
        if (args[0] === 'request' && portOf(server) === process.env.PORT && isAnswered(args[1], args[2])) return null;
      } catch {
        // as it came
      }
      return args;
    });

    function ownAddress(options) {
      const host = String(options.host || 'localhost').toLowerCase();
      const own = process.env.PORT;
      // Every app believes to be there. Whoever does not listen on our port may mean another server by it.
      const listens = process.env.DRAFTERD_LISTENS === own && !listening.has('3000');
      const isOwnPort = String(options.port) === '3000' && listens;
      if (isOwnPort && (internalHosts.has(host) || host === '::1'))
        return { ...options, host: '127.0.0.1', port: Number(own) };
      // Browsers know these names, most resolvers do not.
      return host.endsWith('.localhost') ? { ...options, host: '127.0.0.1' } : options;
    }

    patch(Socket.prototype, 'connect', (_socket, args) => {
      try {
        const [first, ...rest] = args;
        if (Array.isArray(first)) first[0] = ownAddress(first[0]);
        else if (first !== null && typeof first === 'object') return [ownAddress(first), ...rest];
      } catch {
        // where it was going
      }
      return args;
    });

    // A stray request of the server comes home as one of a page does: by its Referer.
    const drafts = prefix.replace(/\/[^/]+$/, '');
    const referer = `${origin}${prefix}/`;
    const strays = (to, path) => prefix !== '' && to === origin && !isBelow(path, drafts);
    subscribe('undici:request:create', ({ request }) => {
      try {
        const hasOne = /referer/i.test(String(request.headers));
        if (strays(String(request.origin), request.path) && !hasOne) request.addHeader('referer', referer);
      } catch {
        // as it is
      }
    });
    subscribe('http.client.request.created', ({ request }) => {
      try {
        const to = `${request.protocol}//${request.getHeader('host')}`;
        if (strays(to, request.path) && !request.hasHeader('referer')) request.setHeader('referer', referer);
      } catch {
        // as it is
      }
    });
  } catch {
    // without us the draft runs as it would anyway
  }
})();
