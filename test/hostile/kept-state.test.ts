/**
 * What a user forges of the state that another user's download keeps: its journal, lock, border file and metadata.
 * Of the torrent's bytes the victim has one half, and the forger says that all of it is there.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  copyFileSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { borderName } from '../../src/disk/names.js';
import { systemProcesses } from '../../src/disk/system/processes.js';
import { encodeNote } from '../../src/disk/worker/lock.js';
import type { Metainfo } from '../../src/metainfo/metainfo.js';
import { parseMetainfo } from '../../src/metainfo/parse-metainfo.js';
import { createTorrent } from '../../src/session/create-torrent.js';
import { BTGET, fingerprint, HOSTS, Program, startSeed } from '../live/support.js';
import { forgedJournal } from '../support/disk/forged-journal.js';
import { seededRandom } from '../support/simulation/seeded-random.js';
import { reportAttack } from './report.js';

const [VICTIM, FORGER, MEDIA] = [5001, 5002, 6000];
const KIB = 1024;
const NAMES = ['a.bin', 'b.bin'];
const OFFLINE = ['--port', '0', '--no-trackers', '--no-dht', '--no-lsd', '--no-port-mapping'];
// A user namespace of one user has no other.
const hasUsers =
  process.getuid?.() === 0 && /^\s*0\s+0\s+4294967295$/m.test(readFileSync('/proc/self/uid_map', 'latin1'));
const OPTIONS = { skip: hasUsers ? false : 'needs root, and other users' };

const stage = mkdtempSync(join(tmpdir(), 'btget-forged-'));
chmodSync(stage, 0o755);
after(() => rmSync(stage, { recursive: true, force: true }));

let torrent = '';
let metainfo: Metainfo;
let right: Record<string, string> = {};
before(async () => {
  const dir = join(stage, 'seed', 'T');
  mkdirSync(dir, { recursive: true });
  for (const [index, name] of NAMES.entries())
    writeFileSync(join(dir, name), seededRandom(index + 1).bytes(1500 * KIB));
  const bytes = await createTorrent(dir, { pieceLength: 64 * KIB });
  torrent = join(stage, 'T.torrent');
  writeFileSync(torrent, bytes);
  metainfo = parseMetainfo(bytes);
  right = fingerprint(dir);
});

/** Who may write to the download folder besides the victim. */
type Sharing = 'sticky' | 'group' | 'none';

interface Place {
  readonly dir: string;
  readonly journal: string;
}

/** A download folder of which the victim has half the bytes in files of its own, and the rest is noise. */
function place(t: TestContext, sharing: Sharing, has: readonly string[] = NAMES): Place {
  const dir = mkdtempSync(join(stage, 'dl-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const top = join(dir, 'T');
  mkdirSync(top);
  for (const name of has) {
    copyFileSync(join(stage, 'seed', 'T', name), join(top, name));
    const bytes = readFileSync(join(top, name));
    seededRandom(7)
      .bytes(bytes.length / 2)
      .copy(bytes, bytes.length / 2);
    writeFileSync(join(top, name), bytes);
    chownSync(join(top, name), VICTIM, MEDIA);
  }
  chownSync(top, VICTIM, MEDIA);
  chownSync(dir, sharing === 'sticky' ? 0 : VICTIM, MEDIA);
  chmodSync(dir, { sticky: 0o1777, group: 0o2775, none: 0o755 }[sharing]);
  return { dir, journal: join(dir, 'T.btget') };
}

function plant(path: string, bytes: Buffer, owner: number, mode = 0o644): void {
  writeFileSync(path, bytes);
  chownSync(path, owner, MEDIA);
  chmodSync(path, mode);
}

/** The victim's download to its end, and how long it took. */
async function download(t: TestContext, dir: string, source = torrent, ...more: string[]) {
  const peer = await startSeed(t, HOSTS.rival, torrent, join(stage, 'seed'), ...OFFLINE);
  const began = performance.now();
  const args = ['download', source, '-d', dir, '--bind', HOSTS.btget, '--peer', peer, ...OFFLINE, ...more];
  const identity = [`--reuid=${VICTIM}`, `--regid=${MEDIA}`, '--clear-groups'];
  const program = new Program(t, 'setpriv', [...identity, process.execPath, BTGET, ...args], stage);
  const code = await program.endsWithin(120_000);
  return { code, stderr: program.stderr, seconds: (performance.now() - began) / 1000 };
}

function wrongFiles(dir: string, names: readonly string[] = NAMES): number {
  const found = fingerprint(join(dir, 'T'));
  return names.filter((name) => found[name] !== right[name]).length;
}

/** The download ends with 0, says what it does not believe, and every file is right. */
async function endsRight(t: TestContext, attack: string, dir: string, note: RegExp, ...more: string[]): Promise<void> {
  const { code, stderr } = await download(t, dir, torrent, ...more);
  assert.equal(code, 0, stderr);
  assert.match(stderr, note);
  const underAttack = wrongFiles(dir);
  reportAttack({ attack, figure: 'wrong files at exit 0', clean: null, underAttack, limit: 0 });
  assert.equal(underAttack, 0, stderr);
}

const HASHED = (why: string): RegExp =>
  new RegExp(`everything is hashed, since another user may have put \\S+T\\.btget there: it ${why}`);

for (const sharing of ['sticky', 'group'] as const)
  test(`another user's journal in a folder that is ${sharing} is not believed`, OPTIONS, async (t) => {
    const { dir, journal } = place(t, sharing);
    plant(journal, forgedJournal(metainfo, dir), FORGER);
    await endsRight(t, `another user's forged journal (${sharing})`, dir, HASHED('is of another user \\(5002\\)'));
  });

test(
  "another user's journal and files, whole and all wrong, end it with 13 and stay as they are",
  OPTIONS,
  async (t) => {
    const { dir, journal } = place(t, 'sticky', []);
    for (const name of NAMES) plant(join(dir, 'T', name), seededRandom(9).bytes(1500 * KIB), FORGER);
    plant(journal, forgedJournal(metainfo, dir), FORGER);
    const planted = fingerprint(join(dir, 'T'));
    const { code, stderr } = await download(t, dir);
    const left = fingerprint(join(dir, 'T'));
    const changed = NAMES.filter((name) => left[name] !== planted[name]).length;
    reportAttack({
      attack: "another user's forged journal and files",
      figure: 'files of that user that were changed',
      clean: null,
      underAttack: changed,
      limit: 0,
    });
    assert.equal(code, 13, stderr);
    assert.match(stderr, HASHED('is of another user'));
    assert.equal(changed, 0);
  },
);

test("a journal of the victim's that others may write to is not believed", OPTIONS, async (t) => {
  const { dir, journal } = place(t, 'none');
  plant(journal, forgedJournal(metainfo, dir), VICTIM, 0o666);
  await endsRight(t, 'a journal that others wrote to', dir, HASHED('may be written by others \\(mode 0666\\)'));
});

test("a file of the victim's with a second name as a journal is not believed", OPTIONS, async (t) => {
  const { dir, journal } = place(t, 'sticky');
  const other = join(dir, 'a download of before');
  plant(other, forgedJournal(metainfo, dir), VICTIM, 0o600);
  linkSync(other, journal);
  await endsRight(t, 'a journal by a hard link', dir, HASHED('has another name as well'));
});

test(
  "a journal of the victim's in a folder of a group is not believed, and its end is the same",
  OPTIONS,
  async (t) => {
    const { dir, journal } = place(t, 'group');
    plant(journal, forgedJournal(metainfo, dir), VICTIM, 0o600);
    await endsRight(
      t,
      'a journal moved within a shared folder',
      dir,
      HASHED('lies in a folder that others may write to'),
    );
  },
);

test("a folder that another user has put in the place of the victim's is not believed", OPTIONS, async (t) => {
  const { dir } = place(t, 'none');
  const [above, theirs] = [mkdtempSync(join(stage, 'above-')), place(t, 'none')];
  t.after(() => rmSync(above, { recursive: true, force: true }));
  chmodSync(above, 0o777);
  // Everything in it may be written by the victim, so that the download can go on.
  spawnSync('chown', ['-R', `${FORGER}`, theirs.dir]);
  spawnSync('chmod', ['-R', 'a+rwX', theirs.dir]);
  plant(theirs.journal, forgedJournal(metainfo, theirs.dir), FORGER, 0o666);
  renameSync(dir, join(above, 'dl'));
  renameSync(join(above, 'dl'), join(above, 'old'));
  renameSync(theirs.dir, join(above, 'dl'));
  await endsRight(t, 'a folder swapped from above', join(above, 'dl'), HASHED('is of another user'));
});

test(
  'a link and a pipe in the place of the journal are said, not followed, and make nobody wait',
  OPTIONS,
  async (t) => {
    const linked = place(t, 'sticky');
    const forged = join(linked.dir, 'forged');
    plant(forged, forgedJournal(metainfo, linked.dir), VICTIM, 0o600);
    symlinkSync(forged, linked.journal);
    await endsRight(
      t,
      'a journal by a symbolic link',
      linked.dir,
      /no resume journal is kept: .*it is a symbolic link/,
    );
    const piped = place(t, 'sticky');
    spawnSync('mkfifo', ['-m', '0666', piped.journal]);
    await endsRight(
      t,
      'a pipe for a journal',
      piped.dir,
      /no resume journal is kept: .*it is a device, pipe or socket/,
    );
  },
);

test(
  "a journal of the victim's own that is wrong in half the pieces is found out by one of each file",
  OPTIONS,
  async (t) => {
    const { dir, journal } = place(t, 'none');
    // All of one is wrong, so that chance decides nothing. It is the victim's own all the same: its part name says that.
    const part = join(dir, 'T', 'b.bin.part');
    rmSync(join(dir, 'T', 'b.bin'));
    plant(part, seededRandom(9).bytes(1500 * KIB), VICTIM);
    plant(journal, forgedJournal(metainfo, dir), VICTIM, 0o600);
    await endsRight(t, "the victim's own journal, forged", dir, /./);
  },
);

test(
  'a lock that another user dates 2099 or writes for a process that lives holds a minute at most',
  OPTIONS,
  async (t) => {
    const note = (host: string): Buffer => {
      const { space, pid } = systemProcesses;
      return encodeNote({ pid, host, space, start: null, since: '2099-01-01T00:00:00Z', token: '0badcafe' });
    };
    const { seconds: clean } = await download(t, place(t, 'none').dir);
    const locked = async (sharing: Sharing, host: string, owner: number): Promise<void> => {
      const { dir } = place(t, sharing);
      const lock = join(dir, 'T.btget.lock');
      plant(lock, note(host), owner);
      lutimesSync(lock, 4_070_908_800, 4_070_908_800);
      const { code, stderr, seconds } = await download(t, dir);
      assert.equal(code, 0, stderr);
      assert.match(stderr, /waiting for at most \d+ s, until \S+Z: another btget may be working on/);
      assert.equal(wrongFiles(dir), 0);
      const limit = 90;
      const attack = `a lock of ${owner === FORGER ? 'another user' : 'another host'} dated 2099 (${sharing})`;
      reportAttack({ attack, figure: 'wall, s', clean, underAttack: seconds, limit });
      assert.ok(seconds < limit, `${seconds} s`);
    };
    await Promise.all([
      locked('sticky', hostname(), FORGER),
      locked('group', hostname(), FORGER),
      locked('none', 'elsewhere', VICTIM),
    ]);
  },
);

test("another user's file that is changed after the check, and dated back, is hashed again", OPTIONS, async (t) => {
  const { dir, journal } = place(t, 'none', []);
  const path = join(dir, 'T', 'a.bin');
  plant(path, readFileSync(join(stage, 'seed', 'T', 'a.bin')), FORGER, 0o664);
  lutimesSync(path, 1_700_000_000, 1_700_000_000);
  // True when it was written.
  plant(journal, forgedJournal(metainfo, dir), VICTIM, 0o600);
  // One piece of many: the one that is hashed of each file would seldom find it.
  const changed = openSync(path, 'r+');
  writeSync(changed, Buffer.alloc(64 * KIB), 0, 64 * KIB, 0);
  closeSync(changed);
  lutimesSync(path, 1_700_000_000, 1_700_000_000);
  const { code, stderr } = await download(t, dir);
  assert.equal(code, 0, stderr);
  const underAttack = wrongFiles(dir);
  const attack = "another user's file, changed and dated back";
  reportAttack({ attack, figure: 'wrong files at exit 0', clean: null, underAttack, limit: 0 });
  assert.equal(underAttack, 0, stderr);
});

test("another user's border file is hashed like everything else", OPTIONS, async (t) => {
  const border = (dir: string): string => join(dir, borderName('T', metainfo.infoHash));
  for (const select of [[], ['--select', '1']]) {
    const { dir } = place(t, 'group');
    plant(border(dir), seededRandom(11).bytes(64 * KIB), FORGER, 0o664);
    const { code, stderr } = await download(t, dir, torrent, ...select);
    assert.equal(code, 0, stderr);
    const underAttack = wrongFiles(dir, select.length === 0 ? NAMES : NAMES.slice(0, 1));
    const attack = `another user's border file (${select.length === 0 ? 'all' : 'one file'} selected)`;
    reportAttack({ attack, figure: 'wrong files at exit 0', clean: null, underAttack, limit: 0 });
    assert.equal(underAttack, 0, stderr);
  }
});

test('a pipe or a link for a border file stops no download of all files', OPTIONS, async (t) => {
  const put: Readonly<Record<string, (path: string) => void>> = {
    'a pipe': (path) => assert.equal(spawnSync('mkfifo', ['-m', '0666', path]).status, 0),
    'a link': (path) => symlinkSync(torrent, path),
  };
  for (const [name, plantAt] of Object.entries(put)) {
    const { dir } = place(t, 'sticky');
    plantAt(join(dir, borderName('T', metainfo.infoHash)));
    await endsRight(t, `${name} for a border file`, dir, /./);
  }
});

test("another user's metadata of a link is proved by its hash", OPTIONS, async (t) => {
  const hash = metainfo.infoHash.toString('hex');
  const forge: Readonly<Record<string, (path: string) => void>> = {
    wrong: (path) => plant(path, Buffer.from('d4:name1:Te'), FORGER),
    'by a link': (path) => symlinkSync(torrent, path),
    'a pipe': (path) => assert.equal(spawnSync('mkfifo', ['-m', '0666', path]).status, 0),
  };
  for (const [name, put] of Object.entries(forge)) {
    const { dir } = place(t, 'sticky');
    put(join(dir, `.${hash}.btget`));
    const { code, stderr } = await download(t, dir, `magnet:?xt=urn:btih:${hash}`);
    assert.equal(code, 0, stderr);
    const underAttack = wrongFiles(dir);
    const attack = `another user's metadata of a link (${name})`;
    reportAttack({ attack, figure: 'wrong files at exit 0', clean: null, underAttack, limit: 0 });
    assert.equal(underAttack, 0, stderr);
  }
});
