const repairs = (process.env.DRAFT_REPAIRS ?? '').split(',');

// Of Next.js, as one number: 14.2 is 1402. Unknown counts as new.
function versionOfNext() {
  try {
    const found = createRequire(join(process.cwd(), 'package.json'))('next/package.json').version;
    const [major, minor] = found.split('.').map((part) => parseInt(part, 10));
    return major * 100 + minor || 9900;
  } catch {
    return 9900;
  }
}

async function unwrapped(found, args) {
  let config = found;
  for (let depth = 0; depth < 10; depth += 1) {
    config = await config;
    if (typeof config === 'function') config = config(...args);
    else if (config && config.default !== undefined && (config.__esModule || config[Symbol.toStringTag] === 'Module'))
      config = config.default;
    else if (config && config[Symbol.toStringTag] === 'Module') config = config['module.exports'] ?? {};
    else break;
  }
  return config ?? {};
}

function standAlone(config, version) {
  config.output = 'standalone';
  delete config.distDir;
  if (version < 1203) config.experimental = { ...config.experimental, outputStandalone: true };
}

function moveTo(config, basePath) {
  const bare = (path) => path.replace(/\/+$/, '');
  const prefix = config.assetPrefix;
  // A prefix on this host belongs to the base path that is replaced; another host stays.
  if (typeof prefix === 'string' && (bare(prefix) === bare(config.basePath ?? '') || (basePath && /^\/(?!\/)/.test(prefix))))
    delete config.assetPrefix;
  config.basePath = basePath;
}

// Files are traced from the build's folder: what lies above it is not the draft's.
function traceFrom(config, root, version) {
  const { outputFileTracingRoot: _, ...experimental } = config.experimental ?? {};
  if (version < 1500) {
    delete config.outputFileTracingRoot;
    config.experimental = { ...experimental, outputFileTracingRoot: root };
    return;
  }
  if (config.experimental) config.experimental = experimental;
  config.outputFileTracingRoot = root;
  if (config.turbopack?.root !== undefined) config.turbopack = { ...config.turbopack, root };
}

async function draftConfig(...args) {
  const version = versionOfNext();
  const config = { ...(await unwrapped(original, args)) };
  // Next.js asks for a decision here; where files are traced from would look to it like one.
  if (version >= 1600 && config.webpack && !config.turbopack && process.env.TURBOPACK === 'auto')
    throw new Error('This build is using Turbopack, with a `webpack` config and no `turbopack` config.');
  if (serving.standalone) standAlone(config, version);
  if (serving.basePath !== null) moveTo(config, serving.basePath);
  traceFrom(config, process.env.NEXT_PRIVATE_OUTPUT_TRACE_ROOT || process.cwd(), version);
  if (repairs.includes('ignore-types')) config.typescript = { ...config.typescript, ignoreBuildErrors: true };
  if (version < 1600) config.eslint = { ...config.eslint, ignoreDuringBuilds: true };
  // Writing the cache is a fifth of a first build: not while others wait for theirs. The author's own wish counts.
  if (process.env.DRAFT_LEAN && version >= 1600)
    config.experimental = { turbopackFileSystemCacheForBuild: false, ...config.experimental };
  if (repairs.includes('one-worker')) config.experimental = { ...config.experimental, cpus: 1 };
  if (repairs.includes('no-suspense-bailout') && version >= 1400 && version < 1500)
    config.experimental = { ...config.experimental, missingSuspenseWithCSRBailout: false };
  return config;
}
