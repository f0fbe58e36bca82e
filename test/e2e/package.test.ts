/** What npm would publish, packed, installed without a network and without scripts, and used: as program and library. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
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
    assert.ok(existsSync(join(ROOT, 'dist/package/main.cjs')), 'npm run build makes dist/package, which is not there');
    // Without scripts: they would build anew what other tests are running.
    const told = await ends('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', dir], { cwd: ROOT });
    [packed] = JSON.parse(told);
    tarball = join(dir, packed.filename);
    await install(tarball, prefix, '--global');
  });

  it('holds what is needed and no more', () => {
    const paths = packed.files.map(({ path }) => path);
    const modules = ['version', 'piece-worker', 'parse-worker', 'node-blocklist-worker'].map((name) => `${name}.js`);
    assert.deepEqual(
      paths.filter((path) => !path.startsWith('dist/package/types/')).sort(),
      [
        ...['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json', 'docs/library.md', 'docs/manual.md'],
        ...['LICENSES.txt', 'btget.1', 'btget.js', 'index.js', 'kept-code.js', 'load.js'].map(
          (name) => `dist/package/${name}`,
        ),
        ...['main.cjs', ...modules].flatMap((name) => [`dist/package/${name}`, `dist/package/${name}.map`]),
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

  describe('keeps what V8 compiled', () => {
    const cache = join(dir, 'own-cache');
    const folder = join(cache, 'btget/compiled');
    const show = (more: NodeJS.ProcessEnv = {}) =>
      ends(program, ['show', TORRENT], { env: { XDG_CACHE_HOME: cache, ...more } });
    const kept = () => (existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : []);
    const only = (): string => {
      const [file = '', ...more] = kept();
      assert.deepEqual(more, []);
      return file;
    };
    beforeEach(() => rmSync(cache, { recursive: true, force: true }));

    /** As `build/kept-code.js` writes it: the digest of the rest, the size of the code in memory, the code. */
    const sizeIn = (file: string): number => readFileSync(file).readDoubleBE(32);
    const setSize = (file: string, size: number): void => {
      const rest = readFileSync(file).subarray(32);
      rest.writeDoubleBE(size);
      writeFileSync(file, Buffer.concat([createHash('sha256').update(rest).digest(), rest]));
    };
    const env = { XDG_CACHE_HOME: cache };

    it('for the user alone, and leaves it as it is the next time', async () => {
      await show();
      const file = only();
      assert.deepEqual([statSync(folder).mode & 0o777, statSync(file).mode & 0o777], [0o700, 0o600]);
      const { ino, mtimeMs, size } = statSync(file);
      assert.ok(size > 100_000, `${size} bytes`);
      await show();
      assert.deepEqual([statSync(only()).ino, statSync(file).mtimeMs], [ino, mtimeMs]);
    });

    it('and begins with it: what another command compiled is there from the start', async () => {
      await ends(program, ['--help'], { env });
      const little = sizeIn(only());
      rmSync(cache, { recursive: true });
      await ends(program, ['verify', TORRENT, '-d', FIXTURES], { env });
      const much = sizeIn(only());
      assert.ok(much > 1.2 * little, `${much} and ${little} bytes`);
      // The file says that it holds less than it does, so it is written anew, with all that is there.
      setSize(only(), much / 2);
      await ends(program, ['--help'], { env });
      assert.ok(sizeIn(only()) > (little + much) / 2, `${sizeIn(only())}, ${little} and ${much} bytes`);
    });

    it('anew when a command ran much more of the code', async () => {
      await ends(program, ['--help'], { env });
      const before = sizeIn(only());
      await ends(program, ['verify', TORRENT, '-d', FIXTURES], { env });
      assert.ok(sizeIn(only()) > before);
    });

    it('anew when a byte of it is another one, or the end is missing', async () => {
      await show();
      const file = only();
      const good = readFileSync(file);
      const flipped = Buffer.from(good);
      flipped[good.length >> 1] = (flipped[good.length >> 1] ?? 0) ^ 1;
      for (const bad of [flipped, good.subarray(0, good.length >> 1), good.subarray(0, 20), Buffer.alloc(0)]) {
        writeFileSync(file, bad);
        assert.match(await show(), /^one-file\.txt\n/);
        assert.notDeepEqual(readFileSync(only()), bad);
      }
    });

    it('apart for other options of Node, which change the code', async () => {
      await show();
      await show({ NODE_OPTIONS: '--max-old-space-size=512' });
      const files = kept();
      assert.equal(files.length, 2);
      const written = () => files.map((file) => statSync(file).ino);
      const before = written();
      await show();
      await show({ NODE_OPTIONS: '--max-old-space-size=512' });
      assert.deepEqual(written(), before);
    });

    it('for this very text: another one of the same length is compiled anew', async () => {
      const text = join(prefix, 'lib/node_modules/btget/dist/package/main.cjs');
      const before = readFileSync(text, 'latin1');
      assert.match(await show(), /^ {2}info-hash /m);
      writeFileSync(text, before.replaceAll('info-hash', 'info-HASH'), 'latin1');
      try {
        assert.match(await show(), /^ {2}info-HASH /m);
      } finally {
        writeFileSync(text, before, 'latin1');
      }
    });

    it('beside the files of other versions, of which the newest stay', async () => {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      const old = [1, 2, 3, 4, 5].map((day) => {
        const file = join(folder, `old-${day}`);
        writeFileSync(file, '');
        utimesSync(file, day * 86_400, day * 86_400);
        return file;
      });
      await show();
      assert.deepEqual(
        old.filter((file) => existsSync(file)),
        old.slice(2),
      );
      assert.equal(kept().length, 4);
    });

    it('not where others may write, not when told to do without, and not in the home of another user', async () => {
      mkdirSync(folder, { recursive: true });
      chmodSync(folder, 0o777);
      await show();
      assert.deepEqual(kept(), []);
      rmSync(cache, { recursive: true });
      await show({ NODE_DISABLE_COMPILE_CACHE: '1' });
      assert.equal(existsSync(cache), false);
      if (process.getuid?.() !== 0) return;
      mkdirSync(cache);
      chownSync(cache, 65_534, 65_534);
      await show();
      assert.deepEqual(readdirSync(cache), []);
    });

    it('nowhere when there is no room for it', { skip: process.platform !== 'linux' }, async () => {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      const { code, err } = await run('sh', ['-c', `ulimit -f 100; exec ${program} show ${TORRENT}`], { env });
      assert.deepEqual([code, err], [0, '']);
      assert.deepEqual(kept(), []);
    });
  });

  it('tells in the report of a bug where in the source it was', async () => {
    const script = `
      import { load } from '${prefix}/lib/node_modules/btget/dist/package/load.js';
      const { main, nodeIo } = await load();
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
