// Makes what npm publishes, in dist/package: one file for each entry of the package, with the packages that it needs
// inside, and the type declarations of the library. `npm run build` has compiled dist/src before.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decode, encode } from '@jridgewell/sourcemap-codec';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const OUT = join(ROOT, 'dist/package');

/**
 * The entries, by the names of their files in the package. The command line and the library are one file: they are
 * nearly the same modules, and each of these runs when it is first used.
 */
const ENTRIES = {
  main: `
    export { main } from './src/cli/main.js';
    export { nodeIo } from './src/cli/node-io.js';
    export const library = () => require('./src/index.js');`,
  // Of the command line what `--version` needs.
  version: "export { main } from './src/cli/main.js'; export { nodeIo } from './src/cli/node-io.js';",
  'piece-worker': "import './src/disk/worker/piece-worker.js';",
  'parse-worker': "import './src/metainfo/parse-worker.js';",
  'node-blocklist-worker': "import './src/net/node-blocklist-worker.js';",
};

/**
 * A module of Node is loaded when the first of our modules that uses it runs. A declared import would load all of them
 * at the start, and `--version` needs next to none.
 */
const LAZY_BUILTINS = {
  name: 'lazy-builtins',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:/ }, ({ path }) => ({ path, namespace: 'builtin' }));
    onResolve({ filter: /^[a-z_]+$/ }, ({ path }) =>
      process.getBuiltinModule(path) === undefined ? undefined : { path: `node:${path}`, namespace: 'builtin' },
    );
    onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule('${path}');`,
    }));
  },
};

/** All files of the package lie in one folder, so a module that is named by its place is beside the one that names it. */
const places = (format) => ({
  name: 'places',
  setup({ onLoad }) {
    const here =
      format === 'esm' ? 'import.meta.url' : "process.getBuiltinModule('node:url').pathToFileURL(__filename)";
    onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8');
      if (!text.includes('import.meta.url')) return undefined;
      const contents = text.replace(/new URL\('([^']+)', import\.meta\.url\)/g, (_, place) => {
        const name = basename(place, '.js');
        if (name === 'package.json') return `new URL('../../package.json', ${here})`;
        if (!Object.hasOwn(ENTRIES, name)) throw new Error(`${path}: ${place} is no entry of the package`);
        return `new URL('./${name}.js', ${here})`;
      });
      return { contents, loader: 'ts' };
    });
  },
});

/** Leaves the commands out. */
const NO_COMMANDS = {
  name: 'no-commands',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\/commands\// }, ({ path }) => ({ path, external: true }));
  },
};

async function bundle(name, contents) {
  // The file that `load.js` runs as a script of V8.
  const format = name === 'main' ? 'cjs' : 'esm';
  const outfile = join(OUT, `${name}.${format === 'cjs' ? 'cjs' : 'js'}`);
  const { metafile } = await build({
    stdin: { contents, resolveDir: ROOT, sourcefile: `${name}.ts`, loader: 'ts' },
    outfile,
    bundle: true,
    platform: 'node',
    format,
    target: 'node20.19',
    // Names stay, so that the traces in reports of bugs tell something. The maps lead to files and lines.
    minifySyntax: true,
    minifyWhitespace: true,
    // Node prints the line of an exception that nobody caught.
    lineLimit: 160,
    sourcemap: 'linked',
    sourcesContent: false,
    legalComments: 'none',
    metafile: true,
    plugins: [...(name === 'version' ? [NO_COMMANDS] : []), LAZY_BUILTINS, places(format)],
    logLevel: 'warning',
  });
  const outside = Object.values(metafile.outputs).flatMap(({ imports }) => imports.map(({ path }) => path));
  if (name !== 'version' && outside.length > 0) throw new Error(`${outfile} needs what is not in it: ${outside}`);
  // One character beyond Latin-1 has Node keep two bytes for each of the whole text. esbuild escapes all but regular
  // expressions.
  const beyond = /.{0,40}[^\0-\x7f]/.exec(readFileSync(outfile, 'utf8'));
  if (beyond !== null) throw new Error(`${outfile} is not ASCII: ${beyond[0]}`);
  thinMap(`${outfile}.map`);
  return Object.keys(metafile.inputs);
}

/**
 * Leaves in the map where each line of the source begins. Traces tell no more, and names and columns are three quarters
 * of the map.
 */
function thinMap(path) {
  const map = JSON.parse(readFileSync(path, 'utf8'));
  const isNewLine = ([, source, line], before) => source !== before?.[1] || line !== before?.[2];
  const lines = decode(map.mappings).map((segments) =>
    segments
      .filter((segment, at) => isNewLine(segment, segments[at - 1]))
      .map(([column, source, line]) => (source === undefined ? [column] : [column, source, line, 0])),
  );
  writeFileSync(path, JSON.stringify({ ...map, names: [], mappings: encode(lines) }));
}

/** The folders of the packages that these files lie in. */
function packagesOf(inputs) {
  const folders = inputs.flatMap((input) => /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input) ?? []);
  return [...new Set(folders)].sort();
}

/** What the licences of the packages inside ask for: their texts. */
function licences(packages) {
  return packages.map((folder) => {
    const { name, version, license, author } = JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8'));
    const file = readdirSync(join(ROOT, folder)).find((each) => /^licen[cs]e/i.test(each));
    const by = typeof author === 'string' ? author : author?.name;
    const text = file === undefined ? `${license}, ${by}` : readFileSync(join(ROOT, folder, file), 'utf8').trim();
    return `${name} ${version}\n\n${text}\n`;
  });
}

/** Copies the declarations that the one of the library leads to, and no others. */
function copyTypes() {
  const from = join(ROOT, 'dist/src');
  const seen = new Set();
  const take = (path) => {
    if (seen.has(path)) return;
    seen.add(path);
    const text = readFileSync(path, 'utf8');
    const to = join(OUT, 'types', relative(from, path));
    mkdirSync(dirname(to), { recursive: true });
    cpSync(path, to);
    for (const [, name] of text.matchAll(/(?:from |import\()['"](\.[^'"]+)\.js['"]/g))
      take(join(dirname(path), `${name}.d.ts`));
  };
  take(join(from, 'index.d.ts'));
}

/** The library's names, each from the one file that holds all. */
async function writeLibrary() {
  const names = Object.keys(await import('../dist/src/index.js')).sort();
  const text = `import { library } from './main.cjs';\nexport const { ${names.join(', ')} } = library();\n`;
  writeFileSync(join(OUT, 'index.js'), text);
}

/** The program: as in bin, but for what it loads. */
function writeProgram() {
  const loads = /^ {2}const \{ main \} = .*\n {2}const \{ nodeIo \} = .*\n/m;
  const text = readFileSync(join(ROOT, 'bin/btget.js'), 'utf8');
  const placed = text.replace(loads, "  const { main, nodeIo } = await (await import('./load.js')).load();\n");
  if (placed.includes('dist/')) throw new Error('bin/btget.js loads a module that is not in the package');
  writeFileSync(join(OUT, 'btget.js'), placed, { mode: 0o755 });
  for (const name of ['load.js', 'kept-code.js']) cpSync(join(ROOT, 'build', name), join(OUT, name));
}

rmSync(OUT, { recursive: true, force: true });
const inputs = [];
for (const [name, contents] of Object.entries(ENTRIES)) inputs.push(...(await bundle(name, contents)));
writeFileSync(join(OUT, 'LICENSES.txt'), licences(packagesOf(inputs)).join(`\n${'-'.repeat(80)}\n\n`));
await writeLibrary();
copyTypes();
writeProgram();
