/** A journal that another user may have written says that all of a torrent is there, and every byte is wrong. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parseMetainfo } from '../../src/metainfo/parse-metainfo.js';
import { createTorrent } from '../../src/session/create-torrent.js';
import { BTGET, LOOPBACK } from '../support/btget-process.js';
import { forgedJournal } from '../support/disk/forged-journal.js';
import { asPlainUser } from '../support/disk/plain-user.js';
import { HANGS_AFTER } from '../support/hang.js';
import { seededRandom } from '../support/simulation/seeded-random.js';

const OFFLINE = [...LOOPBACK, '--no-dht', '--no-lsd', '--no-port-mapping'];
const [PLAIN, FORGER] = [65_534, 65_533];
const isRoot = process.getuid?.() === 0;

/** What a btget of the plain user ends with, in a folder that is as `forge` leaves it. */
async function endOf(
  t: TestContext,
  command: 'download' | 'seed',
  forge: (journal: string, dir: string) => void,
): Promise<{ code: number | null; err: string }> {
  const plain = asPlainUser(process.execPath, BTGET) ?? assert.fail('no other user can run btget');
  const stage = mkdtempSync(join(tmpdir(), 'btget-forged-'));
  t.after(() => rmSync(stage, { recursive: true }));
  chmodSync(stage, 0o755);
  const right = join(stage, 'right');
  writeFileSync(right, seededRandom(1).bytes(200_000));
  const torrent = await createTorrent(right, { name: 'film', pieceLength: 16_384 });
  writeFileSync(join(stage, 'film.torrent'), torrent);
  const dir = join(stage, 'dl');
  mkdirSync(dir, 0o700);
  const film = join(dir, 'film');
  writeFileSync(film, seededRandom(2).bytes(200_000));
  const journal = join(dir, 'film.btget');
  writeFileSync(journal, forgedJournal(parseMetainfo(torrent), dir), { mode: 0o600 });
  if (isRoot) for (const path of [dir, film, journal]) chownSync(path, PLAIN, PLAIN);
  forge(journal, dir);
  const [program, ...args] = [...plain, command, join(stage, 'film.torrent'), '-d', dir, ...OFFLINE];
  const child = spawn(program as string, args, { cwd: stage, env: { PATH: process.env['PATH'] } });
  t.after(() => child.kill('SIGKILL'));
  let err = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  assert.deepEqual(readFileSync(film), seededRandom(2).bytes(200_000));
  return { code, err };
}

const FORGERIES: Readonly<Record<string, { why: RegExp; forge: (journal: string, dir: string) => void }>> = {
  'that others may write to': {
    why: /it may be written by others \(mode 0666\)/,
    forge: (journal) => chmodSync(journal, 0o666),
  },
  'with a second name': {
    why: /it has another name as well/,
    forge: (journal, dir) => linkSync(journal, join(dir, 'other')),
  },
  'in a folder that others may write to': {
    why: /it lies in a folder that others may write to \(mode 0777\)/,
    forge: (_journal, dir) => chmodSync(dir, 0o777),
  },
};
const OF_ANOTHER: typeof FORGERIES = {
  'of another user in a sticky folder': {
    why: /it is of another user \(65533\)/,
    forge: (journal, dir) => {
      chownSync(journal, FORGER, FORGER);
      chmodSync(journal, 0o644);
      chownSync(dir, 0, 0);
      chmodSync(dir, 0o1777);
    },
  },
  "in another user's sticky folder": {
    why: /it lies in a folder of another user \(65533\)/,
    forge: (_journal, dir) => {
      chownSync(dir, FORGER, FORGER);
      chmodSync(dir, 0o1777);
    },
  },
};

for (const [name, { why, forge }] of Object.entries({ ...FORGERIES, ...OF_ANOTHER })) {
  const skip =
    process.platform === 'win32' || (name in OF_ANOTHER && !isRoot) ? 'needs other users, and root to be one' : false;
  test(`a journal ${name} makes no wrong file a download that is done, nor one that is seeded`, {
    skip,
    timeout: HANGS_AFTER,
  }, async (t) => {
    // A download whose own journal it is goes on in its own file, and nobody seeds it here.
    const isOwn = why.source.includes('folder');
    for (const [command, exit] of [['seed', 32] as const, ...(isOwn ? [] : [['download', 13] as const])]) {
      const { code, err } = await endOf(t, command, forge);
      assert.equal(code, exit, `${command}: ${err}`);
      assert.match(err, why);
      assert.match(err, /everything is hashed, since another user may have put \S+film\.btget there/);
    }
  });
}

test('a journal of our own that is wrong of all pieces is found out by one of them', {
  timeout: HANGS_AFTER,
}, async (t) => {
  const { code, err } = await endOf(t, 'seed', () => undefined);
  assert.equal(code, 32, err);
  assert.doesNotMatch(err, /another user/);
});
