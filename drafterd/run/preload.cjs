'use strict';
// Loaded into a draft's server before its own code (NODE_OPTIONS=--require). A draft that believes to
// live at the root of a host is served below a prefix: redirects to its root, or to the internal
// address it listens on, get the prefix, and so do its cookies. It says nothing and never throws.
(() => {
  try {
    const { ServerResponse } = require('node:http');
    const proto = ServerResponse.prototype;
    const loaded = Symbol.for('drafterd.preload');
    if (proto[loaded]) return;
    Object.defineProperty(proto, loaded, { value: true });

    const prefix = cleanPrefix(process.env.DRAFTERD_PREFIX);
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
      const rest = path.slice(prefix.length);
      if (prefix === '' || (path.startsWith(prefix) && (rest === '' || /^[/?#]/.test(rest)))) return path;
      return prefix + path;
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

    function patch(name, change) {
      const original = proto[name];
      if (typeof original !== 'function') return;
      const replacement = { [name](...args) { return original.apply(this, change(this, args)); } }[name];
      Object.defineProperty(replacement, 'length', { value: original.length, configurable: true });
      Object.defineProperty(proto, name, { value: replacement, writable: true, configurable: true, enumerable: Object.prototype.propertyIsEnumerable.call(proto, name) });
    }

    const one = (response, args) => (args.length > 1 ? [args[0], fix(args[0], args[1], response), ...args.slice(2)] : args);
    patch('setHeader', one);
    patch('appendHeader', one);
    patch('writeHead', (response, args) => {
      try {
        return args.map((arg, index) => (index > 0 && typeof arg === 'object' ? fixAll(arg, response) : arg));
      } catch {
        return args;
      }
    });
  } catch {
    // without us the draft runs as it would anyway
  }
})();
