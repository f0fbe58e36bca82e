/** The examples of README.md and docs/library.md: the compiler takes each, and each does what it says. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as library from '../../src/index.js';
import { FIXTURES } from '../support/btget-process.js';
import { HANGS_AFTER } from '../support/hang.js';
import { LOOPBACK, seedFixtures } from '../support/seed-session.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const LIBRARY = readFileSync(join(ROOT, 'docs/library.md'), 'utf8');
const EXAMPLES = [...examplesIn(readFileSync(join(ROOT, 'README.md'), 'utf8')), ...examplesIn(LIBRARY)];
const ONE_FILE = readFileSync(join(FIXTURES, 'one-file.torrent'));
const MANY_FILES = readFileSync(join(FIXTURES, 'many-files.torrent'));

interface Outcome {
  /** Lines of stdout, in no order. */
  readonly prints: readonly RegExp[];
  /** Names in `downloads`. */
  readonly makes: readonly string[];
  /** The `data.torrent` that it finds, if it is another one. */
  readonly data?: Buffer;
}

/** What each example does, by the heading above it. */
const OUTCOMES: Readonly<Record<string, Outcome>> = {
  'As a library': { prints: [/^1 files, 163783 bytes$/], makes: ['one-file.txt'] },
  'Download one torrent': { prints: [/^one-file.txt: 1 files, 163783 bytes$/], makes: ['one-file.txt'] },
  'Progress, abort and failures': { prints: [/^done$/], makes: ['one-file.txt'] },
  'Some of the files': {
    prints: [/part 1/, /part 2/, /part 3/, /part 4/, /part 7.+6\.txt$/],
    makes: ['many-files'],
    data: MANY_FILES,
  },
  'Make a torrent, and read one': {
    prints: [/^content: 2 files, 163783 bytes$/, /^magnet:\?xt=urn:btih:[0-9a-f]{40}&/],
    makes: [],
  },
  'A link in a session': { prints: [/^one-file.txt: 1 files$/, /^one-file.txt: done$/], makes: ['one-file.txt'] },
  'Many torrents at once': {
    prints: [/^content: seeding 163783 bytes$/, /^one-file.txt: seeding 163783 bytes$/, /^stopped$/],
    makes: [],
  },
};

/** The examples of a document, with the heading above each. */
function examplesIn(text: string): { readonly heading: string; readonly code: string }[] {
  let heading = '';
  return [...text.matchAll(/^#+ (.+)$|^```ts\n([\s\S]+?)^```$/gm)].flatMap(([, title, code]) => {
    heading = title ?? heading;
    return code === undefined ? [] : [{ heading, code }];
  });
}

/** `code` with options by which nothing leaves the machine, and by which it finds the seed. */
function fenced(code: string, peer: library.PeerAddress): string {
  const { bind, port, useTorrentTrackers } = LOOPBACK;
  const session = `bind: '${bind}', port: ${JSON.stringify(port)},`;
  const torrent = `useTorrentTrackers: ${useTorrentTrackers},`;
  const download = `${torrent} peers: ${JSON.stringify([peer])},`;
  const ofSession = code.includes('createNodeSession({') ? '' : session;
  const made = code
    .replace("dir: 'downloads',", `$& ${ofSession} ${download}`)
    .replace('createNodeSession({', `$& ${session}`)
    .replace("dir: '.',", `$& ${torrent}`);
  assert.ok(made !== code || !/\b(?:download|createNodeSession)\(/.test(code), code);
  return made;
}

describe('the examples of the library', { timeout: HANGS_AFTER }, () => {
  // Below the package, where its name leads to it.
  const compiled = mkdtempSync(fileURLToPath(new URL('./examples-', import.meta.url)));
  const dir = mkdtempSync(join(tmpdir(), 'btget-examples-'));
  let seed: library.NodeSession;
  before(async () => {
    const { session, peer } = await seedFixtures([ONE_FILE, MANY_FILES]);
    seed = session;
    for (const [index, { code }] of EXAMPLES.entries())
      writeFileSync(join(compiled, `${index}.mts`), fenced(code, peer));
    const compilerOptions = {
      rootDir: '.',
      outDir: '.',
      declaration: false,
      incremental: false,
      noEmitOnError: true,
      tsBuildInfoFile: null,
    };
    const config = {
      extends: join(ROOT, 'tsconfig.json'),
      compilerOptions,
      include: [],
      files: EXAMPLES.map((_, index) => `${index}.mts`),
    };
    writeFileSync(join(compiled, 'tsconfig.json'), JSON.stringify(config));
    const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
    await promisify(execFile)(process.execPath, [compiler, '-p', compiled]).catch((error) =>
      assert.fail(`the compiler refuses an example: ${error.stdout}`),
    );
  });
  after(async () => {
    rmSync(compiled, { recursive: true });
    rmSync(dir, { recursive: true });
    await new Promise<void>((resolve) => seed.stop(resolve));
  });

  for (const [index, { heading }] of EXAMPLES.entries())
    it(`do what they say: ${heading}`, async () => {
      const outcome = OUTCOMES[heading];
      assert.ok(outcome !== undefined);
      const cwd = mkdtempSync(join(dir, 'at-'));
      writeFileSync(join(cwd, 'data.torrent'), outcome.data ?? ONE_FILE);
      copyFileSync(join(FIXTURES, 'one-file.txt'), join(cwd, 'one-file.txt'));
      cpSync(join(FIXTURES, 'one-file.txt'), join(cwd, 'content/in/one-file.txt'));
      writeFileSync(join(cwd, 'content/empty'), '');
      writeFileSync(join(cwd, 'content.torrent'), await library.createTorrent(join(cwd, 'content')));
      const example = spawn(process.execPath, [join(compiled, `${index}.mjs`)], { cwd });
      let [stdout, stderr, isTold] = ['', '', false];
      example.stderr.setEncoding('utf8').on('data', (text: string) => {
        stderr += text;
      });
      example.stdout.setEncoding('utf8').on('data', (text: string) => {
        stdout += text;
        // It goes on until it is told to end, once.
        if (stdout.match(/: seeding /g)?.length !== 2 || isTold) return;
        isTold = true;
        example.kill('SIGINT');
      });
      const [code] = await once(example, 'close');
      assert.equal(code, 0, stderr);
      const lines = stdout.trimEnd().split('\n').sort();
      assert.equal(lines.length, outcome.prints.length, stdout);
      for (const [at, pattern] of outcome.prints.entries()) assert.match(lines[at] ?? '', pattern);
      const downloads = join(cwd, 'downloads');
      const made = existsSync(downloads) ? readdirSync(downloads).filter((name) => !name.startsWith('.')) : [];
      assert.deepEqual(made, outcome.makes);
    });

  it('are all there, and beside them every export and every option has its name', () => {
    assert.deepEqual(EXAMPLES.map(({ heading }) => heading).sort(), Object.keys(OUTCOMES).sort());
    const named = new Set([...LIBRARY.matchAll(/`(\w+)`/g)].map(([, name]) => name));
    const names = [
      ...Object.keys(library),
      ...Object.keys(library.DEFAULT_DOWNLOAD_OPTIONS),
      ...Object.keys(library.DEFAULT_CREATE_TORRENT_OPTIONS),
    ];
    assert.deepEqual(
      names.filter((name) => !named.has(name)),
      [],
    );
  });
});
