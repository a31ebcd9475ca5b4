import { readFileSync } from 'node:fs';
import Module from 'node:module';

// By the draft's own compiler: what the configuration imports may be TypeScript too.
function compiled(file) {
  const require = createRequire(import.meta.url);
  const { ModuleKind, ScriptTarget, transpileModule } = require('typescript');
  const compilerOptions = { module: ModuleKind.CommonJS, target: ScriptTarget.ES2022, esModuleInterop: true };
  const before = { ...Module._extensions };
  const load = (module, path) =>
    module._compile(transpileModule(readFileSync(path, 'utf8'), { compilerOptions, fileName: path }).outputText, path);
  for (const ending of ['.ts', '.mts', '.cts']) Module._extensions[ending] = load;
  try {
    return require(file);
  } finally {
    for (const ending of ['.ts', '.mts', '.cts']) {
      delete Module._extensions[ending];
      if (before[ending]) Module._extensions[ending] = before[ending];
    }
  }
}

// Node.js itself reads what the compiler cannot, or where there is none.
async function typeScript(file) {
  try {
    return compiled(file);
  } catch {
    return import(file);
  }
}
