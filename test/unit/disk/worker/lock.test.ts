import assert from 'node:assert/strict';
import fs, {
  chmodSync,
  existsSync,
  linkSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { uptime } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { BtgetError } from '../../../../src/base/failure.js';
import { type FileOperations, systemFileOperations } from '../../../../src/disk/system/operations.js';
import { type Boot, type ProcessFacts, systemProcesses } from '../../../../src/disk/system/processes.js';
import type { LockDoubt, WatchedLock } from '../../../../src/disk/target.js';
import { decodeNote, encodeNote, FileLock, LockInDoubt } from '../../../../src/disk/worker/lock.js';
import { systemError } from '../../../support/disk/disk-worker.js';
import { scratch } from '../../../support/disk/scratch.js';

/** The processes of one machine: by id, when each of them began. */
type Machine = Map<number, string | null>;

class Killed extends Error {}

interface World {
  readonly root: string;
  readonly machine: Machine;
  /** A process of this machine that is about to lock the target. `before` is called before each of its system calls. */
  process(
    pid: number,
    before?: (call: number) => void,
    others?: Partial<ProcessFacts>,
    watched?: readonly WatchedLock[],
  ): FileLock;
  /** What lies beside the target. */
  names(): string[];
}

function world(t: TestContext, operations: Partial<FileOperations> = {}): World {
  const root = scratch(t);
  const machine: Machine = new Map();
  return {
    root,
    machine,
    process: (pid, before = () => undefined, others = {}, known = []) => {
      if (!machine.has(pid)) machine.set(pid, `start of ${pid}`.replaceAll(' ', '-'));
      const processes: ProcessFacts = {
        pid,
        host: 'here',
        space: '',
        user: systemProcesses.user,
        startOf: (other) => machine.get(other),
        boot: () => null,
        ...others,
      };
      return new FileLock(
        watched({ ...systemFileOperations, ...operations }, before),
        processes,
        {
          id: pid,
          root,
          target: 'film',
          name: 'film.btget',
          head: Buffer.from('x'),
        },
        known,
      );
    },
    names: () => readdirSync(root).sort(),
  };
}

function watched(operations: FileOperations, before: (call: number) => void): FileOperations {
  let calls = 0;
  const watching: Record<string, unknown> = {};
  for (const [name, call] of Object.entries(operations)) {
    watching[name] =
      typeof call !== 'function'
        ? call
        : (...args: unknown[]) => {
            before(calls);
            calls += 1;
            return (call as (...all: unknown[]) => unknown)(...args);
          };
  }
  return watching as unknown as FileOperations;
}

/** Whether the process got the lock. */
function takes(lock: FileLock): boolean {
  try {
    lock.take();
    return true;
  } catch (error) {
    assert.ok(error instanceof BtgetError && error.code === 'target-busy', String(error));
    return false;
  }
}

/** The doubt of a process that may or may not have the lock. */
function doubtOf(lock: FileLock): LockDoubt {
  try {
    lock.take();
  } catch (error) {
    assert.ok(error instanceof LockInDoubt, String(error));
    return error.doubt;
  }
  return assert.fail('it has the lock');
}

/** Runs `take` of a process that is killed before its system call number `at`. False when it made fewer calls. */
function takesAndDies(world: World, pid: number, at: number): boolean {
  const lock = world.process(pid, (call) => {
    if (call >= at) throw new Killed();
  });
  try {
    lock.take();
  } catch (error) {
    if (error instanceof Killed) return true;
    throw error;
  } finally {
    world.machine.delete(pid);
  }
  return false;
}

describe('the lock of a download', () => {
  it('is held by one process, names it, and is free when that process releases it', (t) => {
    const { root, process, names } = world(t);
    const one = process(100);
    one.take();
    assert.deepEqual(names(), ['film.btget.lock']);
    assert.equal(statSync(join(root, 'film.btget.lock')).mode & 0o777, 0o600);
    const other = process(200);
    const message = new RegExp(
      `another btget is working on ${root}/film: process 100 on here, since 20\\S+Z \\(${root}/film.btget.lock\\)$`,
    );
    assert.throws(() => other.take(), { code: 'target-busy', message });
    assert.throws(() => other.check(), { code: 'target-busy', message });
    other.release();
    assert.throws(() => other.take(), { code: 'target-busy' }, 'nobody releases what is not his');
    one.refresh();
    one.release();
    assert.deepEqual(names(), []);
    other.check();
    other.take();
    other.release();
    assert.deepEqual(names(), []);
  });

  it('falls to the next process when its own is gone, or when another process has got its id', (t) => {
    for (const start of [undefined, 'some-later-start']) {
      const { machine, process, names } = world(t);
      process(100).take();
      if (start === undefined) machine.delete(100);
      else machine.set(100, start);
      process(200).check();
      const next = process(200);
      next.take();
      assert.deepEqual(names(), ['film.btget.lock']);
      assert.ok(!takes(process(300)));
      next.release();
      assert.deepEqual(names(), []);
    }
  });

  it('is not taken from a process when the system does not tell when it began', (t) => {
    const { machine, process } = world(t);
    process(100).take();
    machine.set(100, null);
    assert.ok(!takes(process(200)));
  });

  it('falls to exactly one of two processes that find it dead, wherever one overtakes the other', (t) => {
    let calls = 0;
    for (let at = 0; at <= calls; at += 1) {
      const { machine, process, names } = world(t);
      process(100).take();
      machine.delete(100);
      const took: boolean[] = [];
      const slow = process(200, (call) => {
        calls = Math.max(calls, call);
        if (call === at) took.push(takes(process(300)));
      });
      took.push(takes(slow));
      assert.equal(took.filter((one) => one).length, 1, `overtaken at call ${at}`);
      assert.deepEqual(names(), ['film.btget.lock']);
    }
    assert.ok(calls > 10, `${calls} calls`);
  });

  it('falls to exactly one of three processes until that releases it, wherever they overtake one another', (t) => {
    for (let first = 0; first < 60; first += 2) {
      for (let second = first % 4; second < 60; second += 5) {
        const { machine, process, names } = world(t);
        process(100).take();
        machine.delete(100);
        const took: boolean[] = [];
        const fast = (): void => {
          const lock = process(300, (call) => {
            if (call === second) took.push(takes(process(400)));
          });
          took.push(takes(lock));
        };
        const slow = process(200, (call) => {
          if (call === first) fast();
        });
        took.push(takes(slow));
        assert.equal(took.filter((one) => one).length, 1, `overtaken at calls ${first} and ${second}`);
        assert.ok(!takes(process(500)));
        assert.equal(names()[0], 'film.btget.lock');
      }
    }
  });

  it('falls to a slow process after a fast one has overtaken it and released the lock', (t) => {
    for (let at = 0; at < 50; at += 1) {
      const { machine, process, names } = world(t);
      process(100).take();
      machine.delete(100);
      const slow = process(200, (call) => {
        if (call !== at) return;
        const fast = process(300);
        if (takes(fast)) fast.release();
      });
      assert.ok(takes(slow), `overtaken at call ${at}`);
      assert.deepEqual(names(), ['film.btget.lock']);
    }
  });

  it('is free for the next process, wherever the processes are killed that take it', (t) => {
    for (let first = 0; ; first += 1) {
      const alone = world(t);
      if (!takesAndDies(alone, 100, first)) break;
      const next = alone.process(900);
      assert.ok(takes(next), `killed at call ${first}`);
      assert.ok(!takes(alone.process(901)));
    }
    for (let first = 0; ; first += 1) {
      let more = true;
      for (let second = first % 5; more; second += 5) {
        const many = world(t);
        many.process(50).take();
        many.machine.delete(50);
        const died = takesAndDies(many, 100, first);
        more = takesAndDies(many, 200, second);
        const next = many.process(900);
        assert.ok(takes(next), `killed at calls ${first} and ${second}`);
        assert.ok(!takes(many.process(901)));
        if (!died) return;
      }
    }
  });

  it('of another machine or container is dead when it was not refreshed for a minute', (t) => {
    for (const far of [{ host: 'there' }, { space: 'pid:[2]' }]) {
      const { root, machine, process } = world(t);
      process(100, undefined, far).take();
      machine.delete(100);
      const other = process(200);
      assert.ok(!takes(other));
      assert.throws(() => other.check(), { code: 'target-busy' });
      const old = Date.now() / 1000 - 61;
      utimesSync(join(root, 'film.btget.lock'), old, old);
      other.check();
      assert.ok(takes(other));
    }
  });

  it('whose process cannot be seen is in doubt until it is refreshed, or has not been for a minute', (t) => {
    for (const date of ['now', 'to come', 'of an hour to come'] as const) {
      const { root, machine, process } = world(t);
      const path = join(root, 'film.btget.lock');
      const far = process(100, undefined, { space: 'pid:[2]' });
      far.take();
      machine.delete(100);
      const ahead = { now: 0, 'to come': 5, 'of an hour to come': 3600 }[date];
      const at = Date.now() / 1000 + ahead;
      utimesSync(path, at, at);
      const doubt = doubtOf(process(200));
      assert.ok(doubt.wait > 55_000 && doubt.wait <= 60_001, `${date}: ${doubt.wait}`);
      assert.match(
        doubt.message,
        /^waiting for at most \d+ s, until 20\S+Z: .*cannot be seen from here: process 100 on here/,
      );
      const watched = (time: number) => [{ ...doubt, watched: time }];
      assert.ok(doubtOf(process(200, undefined, {}, watched(20_000))).wait <= 40_001);
      process(200, undefined, {}, watched(60_000)).check();
      far.refresh();
      assert.throws(
        () => process(200, undefined, {}, watched(60_000)).take(),
        (error) => !(error instanceof LockInDoubt) && error instanceof BtgetError && error.code === 'target-busy',
      );
      utimesSync(path, at, at);
      process(200, undefined, {}, watched(60_000)).take();
    }
  });

  it('that another user may have written names no process of ours, and holds like one of another machine', (t) => {
    const forged: Readonly<Record<string, (path: string) => Partial<FileOperations>>> = {
      'of another user': (path) => ({
        facts: (descriptor) => {
          const facts = systemFileOperations.facts(descriptor);
          return facts.id === systemFileOperations.lookUp(path)?.id ? { ...facts, owner: 4321 } : facts;
        },
      }),
      'for all to write': (path) => {
        chmodSync(path, 0o666);
        return {};
      },
    };
    for (const [name, forge] of Object.entries(forged)) {
      const operations: { -readonly [K in keyof FileOperations]?: FileOperations[K] } = {};
      const { root, process } = world(t, operations);
      const path = join(root, 'film.btget.lock');
      // The process lives, and goes on living.
      const holder = process(100);
      holder.take();
      Object.assign(operations, forge(path));
      utimesSync(path, 4_070_908_800, 4_070_908_800);
      const doubt = doubtOf(process(200));
      assert.ok(doubt.wait > 55_000 && doubt.wait <= 60_001, `${name}: ${doubt.wait}`);
      assert.match(doubt.message, /as another user says: process 100 on here/);
      const later = [{ ...doubt, watched: 60_000 }];
      process(200, undefined, {}, later).check();
      // A process that writes it again lives all the same.
      holder.refresh();
      assert.throws(
        () => process(200, undefined, {}, later).take(),
        (error) => !(error instanceof LockInDoubt) && error instanceof BtgetError && error.code === 'target-busy',
      );
      utimesSync(path, 4_070_908_800, 4_070_908_800);
      assert.ok(takes(process(200, undefined, {}, later)), name);
    }
  });

  it('of another machine with our host name and process space does not count as one of a dead process of ours', (t) => {
    const { machine, process } = world(t);
    machine.set(100, 'theirs/5');
    const theirs = { boot: (): Boot => ({ id: 'theirs', at: 0n }) };
    process(100, undefined, theirs).take();
    machine.delete(100);
    const ours = { boot: (): Boot => ({ id: 'ours', at: 1n }) };
    doubtOf(process(200, undefined, ours));
  });

  it('is shared by all torrents of a process that have one name', (t) => {
    const { process, names } = world(t);
    const [one, other, stranger] = [process(100), process(100), process(200)];
    assert.equal(one.take(), one);
    assert.equal(other.take([one]), one);
    other.check([one]);
    assert.throws(() => stranger.take(), { code: 'target-busy' });
    assert.throws(() => other.take(), { code: 'target-busy' }, 'somebody else in the process knows nothing of it');
    assert.deepEqual(names(), ['film.btget.lock']);
  });

  it('dates back the journals beside it, so that none vouches for what changes from then on', (t) => {
    const { root, process } = world(t);
    const lag = 60_000;
    const ours = ['film.btget', 'film.0123abcd.btget'];
    const others = ['film.btget.new', 'film.x.btget', 'film.0123abcd', 'filmx.btget', 'other.btget'];
    for (const name of [...ours, ...others]) writeFileSync(join(root, name), 'x');
    const old = join(root, 'film.ffffffff.btget');
    writeFileSync(old, 'x');
    utimesSync(old, 5, 5);
    // A file of the user that has a journal's name and is none.
    others.push('film.89abcdef.btget');
    writeFileSync(join(root, 'film.89abcdef.btget'), 'notes');
    const before = new Map(others.map((name) => [name, statSync(join(root, name)).mtimeMs]));
    process(100).take();
    const takenAt = statSync(join(root, 'film.btget.lock')).mtimeMs;
    for (const name of ours) {
      const limit = statSync(join(root, name)).mtimeMs + lag;
      assert.ok(limit < takenAt && limit > takenAt - 10, `${name}: ${takenAt - limit}`);
    }
    for (const name of others) assert.equal(statSync(join(root, name)).mtimeMs, before.get(name), name);
    assert.equal(statSync(old).mtimeMs, 5000);
  });

  it('is refreshed without changing the file under a second name that it was given', (t) => {
    const { root, process } = world(t);
    const [path, other] = [join(root, 'film.btget.lock'), join(root, 'other')];
    const one = process(100);
    one.take();
    const note = readFileSync(path);
    linkSync(path, other);
    utimesSync(path, 1, 1);
    one.refresh();
    assert.ok(statSync(path).mtimeMs > 2_000);
    assert.equal(statSync(other).mtimeMs, 1_000);
    assert.deepEqual([readFileSync(path), readFileSync(other)], [note, note]);
  });

  it('dates back no file with another name, though it has a journal’s name too', (t) => {
    const { root, process } = world(t);
    const victim = join(root, 'victim');
    writeFileSync(victim, 'theirs');
    linkSync(victim, join(root, 'film.01234567.btget'));
    const { mtimeMs } = statSync(victim);
    process(100).take();
    assert.equal(statSync(victim).mtimeMs, mtimeMs);
    // The file keeps both names, so it is never believed as a journal.
    assert.equal(statSync(join(root, 'film.01234567.btget')).nlink, 2);
  });

  it('is refreshed by its holder, and by no other process', (t) => {
    const { root, process } = world(t);
    const path = join(root, 'film.btget.lock');
    const one = process(100);
    one.take();
    const note = readFileSync(path);
    utimesSync(path, 1, 1);
    one.refresh();
    assert.ok(statSync(path).mtimeMs > 2_000);
    assert.deepEqual(readFileSync(path), note);
    rmSync(path);
    assert.throws(() => one.refresh(), { code: 'io', message: /film\.btget\.lock is gone/ });
    process(200).take();
    assert.throws(() => one.refresh(), { code: 'io' });
    one.release();
    assert.ok(existsSync(path));
  });

  it('that is blank is being written, or was cut off by a power cut a while ago', (t) => {
    for (const blank of [Buffer.alloc(0), Buffer.alloc(300)]) {
      const { root, process } = world(t);
      const path = join(root, 'film.btget.lock');
      writeFileSync(path, blank);
      assert.throws(() => process(100).take(), { code: 'target-busy', message: /one that has just begun/ });
      utimesSync(path, 1, 1);
      assert.ok(takes(process(100)));
    }
  });

  it('that is torn and old, or of an earlier boot of this machine, falls to the next process at once', (t) => {
    const bootedAt = Math.floor(Date.now() / 1000) - 20;
    const boot = (): Boot => ({ id: 'now', at: BigInt(bootedAt) * 1_000_000_000n });
    const note = encodeNote({ ...NOTE, space: 'pid:[2]', start: 'before/5' });
    const torn = [
      Buffer.alloc(0),
      Buffer.alloc(300),
      note.subarray(0, 60),
      Buffer.concat([Buffer.alloc(40), note.subarray(40)]),
    ];
    for (const bytes of [note, ...torn]) {
      const { root, process, names } = world(t);
      const path = join(root, 'film.btget.lock');
      writeFileSync(path, bytes);
      utimesSync(path, bootedAt, bootedAt);
      assert.ok(!takes(process(100, undefined, { boot })), 'changed since the machine came up');
      utimesSync(path, bootedAt - 1, bootedAt - 1);
      assert.ok(!takes(process(100)), 'nobody knows when the machine came up');
      process(200, undefined, { boot }).check();
      assert.ok(takes(process(100, undefined, { boot })));
      assert.deepEqual(names(), ['film.btget.lock']);
    }
  });

  it('of this boot, or of another machine, is not taken at once, however old the boot is', (t) => {
    const boot = (): Boot => ({ id: 'now', at: BigInt(Math.floor(Date.now() / 1000) - 20) * 1_000_000_000n });
    const old = Date.now() / 1000 - 40;
    for (const change of [{ start: 'now/5' }, { start: null }, { host: 'there', start: 'before/5' }]) {
      const { root, process } = world(t);
      const path = join(root, 'film.btget.lock');
      writeFileSync(path, encodeNote({ ...NOTE, space: 'pid:[2]', ...change }));
      utimesSync(path, old, old);
      assert.ok(!takes(process(100, undefined, { boot })), JSON.stringify(change));
    }
  });

  it('removes, when it is taken, the notes of processes that were killed while they took it, and nothing else', (t) => {
    const { root, machine, process, names } = world(t);
    const put = (name: string, bytes: Buffer | string): void => writeFileSync(join(root, name), bytes);
    machine.set(7, null);
    for (const [name, pid] of [
      ['0123abcd.new', 77],
      ['0123abcd', 78],
      ['77-123', 77],
      ['4567abcd.new', 7],
    ] as const)
      put(`film.btget.lock.${name}`, encodeNote({ ...NOTE, pid }));
    put('film.btget.lock.89abcdef.new', '');
    put('film.btget.lock.89abcdee', 'my diary');
    put('film.btget.lock.txt', encodeNote({ ...NOTE, pid: 77 }));
    put('films.btget.lock.0123abcd', encodeNote({ ...NOTE, pid: 77 }));
    process(100).take();
    assert.deepEqual(names(), [
      'film.btget.lock',
      'film.btget.lock.4567abcd.new',
      'film.btget.lock.89abcdee',
      'film.btget.lock.89abcdef.new',
      'film.btget.lock.txt',
      'films.btget.lock.0123abcd',
    ]);
  });

  it('can be taken in a folder that we may not list', (t) => {
    const list = (): never => {
      throw systemError('EACCES', 'scandir');
    };
    const { process, names } = world(t, { list });
    assert.ok(takes(process(100)));
    assert.deepEqual(names(), ['film.btget.lock']);
  });

  it('never replaces a file of the user that has its name', (t) => {
    const { root, process, names } = world(t);
    const path = join(root, 'film.btget.lock');
    for (const text of ['my diary', '{}', '[]', 'null', '{"pid":1}', `${encodeNote(NOTE)}x`]) {
      writeFileSync(path, text);
      utimesSync(path, 1, 1);
      for (const act of [() => process(100).take(), () => process(100).check()])
        assert.throws(act, { code: 'cannot-open', message: /it is no lock of btget/ }, text);
      assert.equal(readFileSync(path, 'utf8'), text);
    }
    rmSync(path);
    writeFileSync(join(root, 'precious'), encodeNote({ ...NOTE, pid: 7 }));
    symlinkSync('precious', path);
    assert.throws(() => process(100).take(), { code: 'cannot-open', message: /it is no file/ });
    assert.deepEqual(readFileSync(join(root, 'precious')), encodeNote({ ...NOTE, pid: 7 }));
    assert.deepEqual(names(), ['film.btget.lock', 'precious']);
  });

  it('does not follow planted successions for ever', (t) => {
    const { root, process } = world(t);
    for (const name of ['film.btget.lock', `film.btget.lock.${NOTE.token}`])
      writeFileSync(join(root, name), encodeNote({ ...NOTE, pid: 77 }));
    assert.throws(() => process(100).take(), { code: 'cannot-open', message: /follows too many others/ });
  });

  it('is held by one process also where the file system has no hard links', (t) => {
    const link = (): never => {
      throw systemError('EPERM', 'link');
    };
    const { machine, process, names } = world(t, { link });
    const one = process(100);
    one.take();
    assert.ok(!takes(process(200)));
    machine.delete(100);
    const next = process(200);
    assert.ok(takes(next));
    assert.ok(!takes(process(300)));
    assert.deepEqual(names(), ['film.btget.lock']);
    next.release();
    assert.deepEqual(names(), []);
  });

  it('says why it cannot be made', (t) => {
    const open: FileOperations['open'] = (path, access, follow) => {
      if (access === 'create privately') throw systemError('EROFS', 'open');
      return systemFileOperations.open(path, access, follow);
    };
    const { process } = world(t, { open });
    assert.throws(() => process(100).take(), { code: 'cannot-open', message: /EROFS/ });
    process(100).check();
  });
});

const NOTE = { pid: 1, host: 'here', space: '', start: null, since: '2026-01-01T00:00:00.000Z', token: '0123abcd' };

describe('the note of a lock', () => {
  it('is read as it was written', () => {
    assert.deepEqual(decodeNote(encodeNote(NOTE)), NOTE);
    assert.deepEqual(decodeNote(encodeNote({ ...NOTE, start: 'boot/5' })), { ...NOTE, start: 'boot/5' });
  });

  it('is refused when a field is missing, of another kind, or unfit for a terminal', () => {
    const wrong: readonly (readonly [keyof typeof NOTE, unknown])[] = [
      ['pid', 0],
      ['pid', -1],
      ['pid', 1.5],
      ['pid', '1'],
      ['host', ''],
      ['host', 'a\u001b[2J'],
      ['host', 'x'.repeat(256)],
      ['space', 5],
      ['start', 7],
      ['since', 'now or never'],
      ['token', '0123ABCD'],
      ['token', '../../../'],
    ];
    for (const [field, value] of wrong) {
      assert.equal(decodeNote(Buffer.from(JSON.stringify({ ...NOTE, [field]: value }))), null, `${field} ${value}`);
      const { [field]: _gone, ...rest } = NOTE;
      assert.equal(decodeNote(Buffer.from(JSON.stringify(rest))), null, `no ${field}`);
    }
  });
});

describe('what is known of processes', () => {
  it('says each time alike when our own process began, and nothing for an id that no process has', () => {
    const { pid, startOf } = systemProcesses;
    assert.equal(pid, process.pid);
    assert.equal(startOf(pid), startOf(pid));
    if (fs.existsSync('/proc/self/stat')) {
      assert.match(startOf(pid) ?? '', /^[0-9a-f-]{36}\/\d+$/);
      assert.notEqual(startOf(1), startOf(pid));
    }
    if (fs.existsSync('/proc/stat')) {
      const { id, at } = systemProcesses.boot() ?? { id: '', at: 0n };
      assert.ok(startOf(pid)?.startsWith(`${id}/`));
      assert.ok(Math.abs(Number(at) / 1e9 - (Date.now() / 1000 - uptime())) < 5, `${at}`);
    }
    // This is above the largest id that any system gives.
    assert.equal(startOf(2 ** 30), undefined);
  });
});
