const base = `${process.env.DRAFT_BASE_PATH ?? ''}/`;

async function unwrapped(found, args) {
  let config = found;
  for (let depth = 0; depth < 10; depth += 1) {
    config = await config;
    if (typeof config === 'function') config = config(...args);
    else if (config && typeof config === 'object' && 'default' in config) config = config.default;
    else break;
  }
  return config ?? {};
}

// A router that is not told where the app lies takes the prefix for a route of its own.
const ROUTERS = {
  'react-router-dom': reactRouter('react-router-dom'),
  'react-router': reactRouter('react-router'),
  'vue-router': `
    export const createWebHistory = (given) => own.createWebHistory(home(given));`,
  '@tanstack/react-router': `
    export const createRouter = (options) => own.createRouter({ ...options, basepath: home(options?.basepath) });`,
  '@solidjs/router': `
    import { mergeProps } from 'solid-js';
    export const Router = (props) => own.Router(mergeProps(props, { base: home(props.base) }));`,
  wouter: `
    import { createElement, forwardRef } from 'react';
    import { useBrowserLocation } from 'wouter/use-browser-location';
    const moved = () => {
      const router = own.useRouter();
      if (router.base === '' && router.hook === useBrowserLocation) router.base = ours;
    };
    export const Router = (props) => {
      if (!props.hook) moved();
      return createElement(own.Router, props);
    };
    const first = (used) => (...args) => (moved(), used(...args));
    const component = (used) => forwardRef((props, ref) => (moved(), createElement(used, ref ? { ...props, ref } : props)));
    export const Route = component(own.Route);
    export const Switch = component(own.Switch);
    export const Link = component(own.Link);
    export const Redirect = component(own.Redirect);
    export const useLocation = first(own.useLocation);
    export const useRoute = first(own.useRoute);`,
};

function reactRouter(name) {
  return `
    import { createElement } from 'react';
    export const BrowserRouter = (props) => createElement(own.BrowserRouter, { ...props, basename: home(props.basename) });
    export const createBrowserRouter = (routes, options) =>
      own.createBrowserRouter(routes, { ...options, basename: home(options?.basename) });`;
}

const PREFIX = '\0draft-router:';

function routers(state) {
  return {
    name: 'draft-routers',
    enforce: 'pre',
    resolveId(source, importer) {
      if (!Object.hasOwn(ROUTERS, source) || !importer || /\/node_modules\/|^\0/.test(importer)) return null;
      return PREFIX + source;
    },
    load(id) {
      if (!id.startsWith(PREFIX)) return null;
      const name = id.slice(PREFIX.length);
      return `
    import * as own from ${JSON.stringify(name)};
    export * from ${JSON.stringify(name)};
    const bare = (path) => (path ?? '').replace(/\\/+$/, '');
    const ours = ${JSON.stringify(base.replace(/\/+$/, ''))};
    const authors = ${JSON.stringify(state.authors)};
    const home = (given) => {
      const path = bare(given);
      if (path === '' || path === bare(authors)) return ours || '/';
      return path === ours || path.startsWith(ours + '/') ? path : ours + path;
    };
    ${ROUTERS[name]}`;
    },
  };
}

export default async (...args) => {
  const config = await unwrapped({ default: original }, args);
  const state = { authors: typeof config.base === 'string' && config.base.startsWith('/') ? config.base : '' };
  const last = { name: 'draft-base', enforce: 'post', config: () => ({ base }) };
  return { ...config, base, plugins: [ROUTING ? routers(state) : null, config.plugins, last] };
};
