async function unwrapped(found) {
  let config = found;
  for (let depth = 0; depth < 10; depth += 1) {
    config = await config;
    if (config && typeof config === 'object' && 'default' in config) config = config.default;
    else break;
  }
  return config ?? {};
}

const place = process.env.DRAFT_BASE_PATH ?? '';
const own = await unwrapped({ default: original });

// Each tool has a name of its own for the place, and something that goes with it.
const PLACES = {
  'React Router': () => ({ basename: place || '/' }),
  // Astro refuses forms that were sent to an address it does not know; the proxy in front knows which are ours.
  Astro: () => ({
    base: place || '/',
    security: { ...own.security, allowedDomains: [...(own.security?.allowedDomains ?? []), {}] },
  }),
  // Links without the place are led home when they are visited: no reason to fail a build.
  SvelteKit: () => ({
    kit: {
      ...own.kit,
      paths: { ...own.kit?.paths, base: place },
      prerender: { ...own.kit?.prerender, handleHttpError: 'warn' },
    },
  }),
};

export default { ...own, ...PLACES[TOOL]() };
