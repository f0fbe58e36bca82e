/** What npm would publish, packed, installed without a network and without scripts, and used: as program and library. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as library from '../../src/index.js';
import { FIXTURES } from '../support/btget-process.js';
import { HANGS_AFTER } from '../support/hang.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const ABOUT = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const TORRENT = join(FIXTURES, 'one-file.torrent');
const isPosix = process.platform !== 'win32';

interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly files: readonly { readonly path: string; readonly size: number }[];
}

const dir = realpathSync(mkdtempSync(join(tmpdir(), 'btget-package-')));
after(() => rmSync(dir, { recursive: true, force: true }));
const prefix = join(dir, 'prefix');
const program = join(prefix, 'bin/btget');

/** Runs a program to its end, with nothing of this user's in its reach. */
async function run(command: string, args: readonly string[], more: { cwd?: string; env?: NodeJS.ProcessEnv } = {}) {
  const env = { ...process.env, HOME: dir, XDG_CACHE_HOME: join(dir, 'cache'), npm_config_update_notifier: 'false' };
  const child = spawn(command, args, { cwd: more.cwd ?? dir, env: { ...env, ...more.env }, stdio: 'pipe' });
  child.stdin.end();
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  const [code] = await once(child, 'close');
  return { code, out, err };
}

async function ends(command: string, args: readonly string[], more: { cwd?: string; env?: NodeJS.ProcessEnv } = {}) {
  const { code, out, err } = await run(command, args, more);
  assert.equal(code, 0, `${command} ${args.join(' ')}: ${out}${err}`);
  return out;
}

/** Installs the tarball. The cache is empty and there is no network, so the tarball must have all that it needs. */
function install(tarball: string, place: string, ...how: readonly string[]) {
  const offline = ['--offline', '--cache', join(dir, 'npm-cache'), '--no-audit', '--no-fund', '--loglevel=error'];
  return ends('npm', ['install', '--ignore-scripts', ...offline, ...how, '--prefix', place, tarball]);
}

describe('the package that npm would publish', { skip: !isPosix, timeout: HANGS_AFTER * 2 }, () => {
  let packed: Packed;
  let tarball: string;
  before(async () => {
    assert.ok(existsSync(join(ROOT, 'dist/package/main.js')), 'npm run build makes dist/package, which is not there');
    // Without scripts: they would build anew what other tests are running.
    const told = await ends('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', dir], { cwd: ROOT });
    [packed] = JSON.parse(told);
    tarball = join(dir, packed.filename);
    await install(tarball, prefix, '--global');
  });

  it('holds what is needed and no more', () => {
    const paths = packed.files.map(({ path }) => path);
    const modules = ['main', 'version', 'piece-worker', 'parse-worker', 'node-blocklist-worker'];
    assert.deepEqual(
      paths.filter((path) => !path.startsWith('dist/package/types/')).sort(),
      [
        ...['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json', 'docs/library.md', 'docs/manual.md'],
        ...['LICENSES.txt', 'btget.1', 'btget.js', 'index.js', 'load.js'].map((name) => `dist/package/${name}`),
        ...modules.flatMap((name) => [`dist/package/${name}.js`, `dist/package/${name}.js.map`]),
      ].sort(),
    );
    const types = paths.filter((path) => path.startsWith('dist/package/types/'));
    assert.ok(types.every((path) => path.endsWith('.d.ts')));
    assert.ok(types.includes('dist/package/types/index.d.ts'));
    assert.ok(packed.size < 800_000, `${packed.size} bytes`);
    assert.ok(paths.length < 250, `${paths.length} files`);
  });

  it('needs no other package', () => {
    const about = JSON.parse(readFileSync(join(prefix, 'lib/node_modules/btget/package.json'), 'utf8'));
    assert.deepEqual(
      [about.dependencies, about.optionalDependencies, about.scripts?.install],
      [undefined, undefined, undefined],
    );
    // The licences of the packages that are inside ask for their texts.
    const licences = readFileSync(join(prefix, 'lib/node_modules/btget/dist/package/LICENSES.txt'), 'utf8');
    for (const name of ['bencode', 'commander', 'cli-progress'])
      assert.match(licences, new RegExp(`^${name} \\d`, 'm'));
  });

  it('says its version, also where the output is full', async () => {
    assert.equal(await ends(program, ['--version']), `${ABOUT.version}\n`);
    assert.equal(await ends(program, ['-V']), `${ABOUT.version}\n`);
    if (!existsSync('/dev/full')) return;
    const { code, err } = await run('sh', ['-c', `${program} --version >/dev/full`]);
    assert.deepEqual([code, err], [9, 'btget: cannot write to stdout: ENOSPC\n']);
  });

  it('runs each command', async () => {
    assert.match(await ends(program, ['show', TORRENT]), /^one-file\.txt\n/);
    assert.match(await ends(program, ['verify', TORRENT, '-d', FIXTURES]), /1 of 1 file ok/);
    assert.match(await ends(program, ['config']), /^max-peers +80 +default$/m);
    assert.match(await ends(program, ['completion', 'bash']), /^complete -F _btget btget$/m);
    await ends(program, ['create', join(FIXTURES, 'one-file.txt'), '-o', join(dir, 'made.torrent'), '-q']);
    for (const command of ['download', 'seed', 'tracker', 'doctor'])
      assert.match(await ends(program, [command, '--help']), new RegExp(`^Usage: btget ${command} `, 'm'));
    const list = join(dir, 'list.txt');
    writeFileSync(list, '192.0.2.0/24\n');
    const options = ['--bind', '127.0.0.1', '--port', '0', '--no-trackers', '--timeout', '1', '--blocklist', list];
    assert.equal((await run(program, [TORRENT, '-d', join(dir, 'out'), ...options])).code, 2);
  });

  it('shows the demo, and leaves nothing of it', async () => {
    const place = join(dir, 'demo');
    mkdirSync(place);
    const { code, err } = await run(process.execPath, [join(ROOT, 'bin/demo.js'), program], { env: { TMPDIR: place } });
    assert.equal(code, 0, err);
    assert.match(err, /^OK {3}64 MiB .*\nexit code 0\n$/m);
    assert.deepEqual(spawnSync('ls', ['-A', place], { encoding: 'utf8' }).stdout, '');
  });

  it('keeps what Node compiled in a folder of the user alone, and does without one that others may write to', async () => {
    const cache = join(dir, 'own-cache');
    const folder = join(cache, 'btget/compiled');
    const show = () => ends(program, ['show', TORRENT], { env: { XDG_CACHE_HOME: cache } });
    await show();
    const keeps = 'enableCompileCache' in (await import('node:module')).default;
    assert.equal(existsSync(folder), keeps);
    if (!keeps) return;
    const kept = () => spawnSync('find', [folder, '-type', 'f'], { encoding: 'utf8' }).stdout;
    assert.notEqual(kept(), '');
    assert.equal(spawnSync('stat', ['-c', '%a', folder], { encoding: 'utf8' }).stdout, '700\n');
    spawnSync('sh', ['-c', `rm -rf ${folder}/* && chmod 777 ${folder}`]);
    await show();
    assert.equal(kept(), '');
  });

  it('tells in the report of a bug where in the source it was', async () => {
    const script = `
      import { main, nodeIo } from '${prefix}/lib/node_modules/btget/dist/package/main.js';
      const io = { ...nodeIo(), get env() { throw new TypeError('oops'); } };
      process.exitCode = await main(['show', 'x'], io);`;
    const { code, err } = await run(process.execPath, ['--input-type=module', '-e', script]);
    assert.equal(code, 70, err);
    const line = /at readCommandLine \((src\/cli\/command-line\.ts):(\d+)\)/.exec(err);
    assert.ok(line !== null, err);
    const [, path = '', number] = line;
    assert.match(readFileSync(join(ROOT, path), 'utf8').split('\n')[Number(number) - 1] ?? '', /settingsFor\(/);
  });

  const hasMan = spawnSync('man', ['--version'], { stdio: 'ignore' }).error === undefined;
  const skip = hasMan ? false : 'man is not installed (Debian package man-db)';
  if (skip !== false) console.log(`the manual page of the package is NOT TESTED: ${skip}`);
  it('has a manual page that man finds', { skip }, async () => {
    const env = { PATH: `${join(prefix, 'bin')}:${process.env['PATH']}`, LC_ALL: 'C.UTF-8' };
    const where = await ends('man', ['-w', 'btget'], { env });
    assert.equal(realpathSync(where.trim()), join(prefix, 'lib/node_modules/btget/dist/package/btget.1'));
    assert.match(await ends('man', ['btget'], { env }), /^NAME\n +btget - wget for BitTorrent\n/m);
  });

  it('is a library whose types the compiler takes, without the types of any other package but Node', async () => {
    const place = join(dir, 'user');
    mkdirSync(place);
    writeFileSync(join(place, 'package.json'), '{"type":"module"}');
    await install(tarball, place);
    mkdirSync(join(place, 'node_modules/@types'), { recursive: true });
    for (const name of ['@types/node', 'undici-types'])
      symlinkSync(join(ROOT, 'node_modules', name), join(place, 'node_modules', name));
    const text = `
      import { readFileSync } from 'node:fs';
      import { BtgetError, createNodeSession, DEFAULT_NODE_SESSION_OPTIONS, describe, download, parseMetainfo } from 'btget';
      import type { DownloadOptions, DownloadResult, Metainfo, NodeSession } from 'btget';
      const metainfo: Metainfo = parseMetainfo(readFileSync(process.argv[2] ?? ''));
      const length: number | null = describe(metainfo).length;
      const options: Partial<DownloadOptions> = { dir: 'got', bind: '127.0.0.1', port: { first: 0, last: 0 } };
      const session: NodeSession = createNodeSession(DEFAULT_NODE_SESSION_OPTIONS);
      session.stop(() => console.log('stopped'));
      const done: DownloadResult = await download(metainfo, { ...options, useTorrentTrackers: false, useDht: false });
      console.log(metainfo.name, length, done.paths.length);
      const failure: unknown = await download('nowhere.torrent', options).catch((error: unknown) => error);
      if (failure instanceof BtgetError) console.log(failure.code);
      // @ts-expect-error: there is no such option.
      download('', { nowhere: true });
    `;
    const [program_ = '', wrong] = text.split('      // @ts-expect-error');
    writeFileSync(join(place, 'program.ts'), program_);
    writeFileSync(join(place, 'wrong.ts'), `import { download } from 'btget';\n// @ts-expect-error${wrong}`);
    const compilerOptions = { module: 'nodenext', target: 'es2022', strict: true, types: ['node'], outDir: 'out' };
    const files = ['program.ts', 'wrong.ts'];
    // The declarations of the package are checked too.
    writeFileSync(
      join(place, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: { ...compilerOptions, skipLibCheck: false }, files }),
    );
    await ends(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', place]);
    // What is there already is completed, so the download needs no peer.
    mkdirSync(join(place, 'got'));
    copyFileSync(join(FIXTURES, 'one-file.txt'), join(place, 'got/one-file.txt'));
    const out = await ends(process.execPath, ['out/program.js', TORRENT], { cwd: place });
    assert.deepEqual(out.trim().split('\n').sort(), ['one-file.txt 163783 1', 'source-not-found', 'stopped']);
  });

  it('exports the names of the library', async () => {
    const script = "import * as btget from 'btget'; console.log(JSON.stringify(Object.keys(btget)));";
    const out = await ends(process.execPath, ['--input-type=module', '-e', script], { cwd: join(dir, 'user') });
    assert.deepEqual(JSON.parse(out), Object.keys(library).sort());
  });
});
