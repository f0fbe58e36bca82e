import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type FileAddress,
  FileReadPool,
  type HeldFile,
  type Opened,
  type ReadHome,
} from '../../../../src/disk/files/read-pool.js';
import type { FileFacts, ReadOperations } from '../../../../src/disk/system/operations.js';
import { systemError } from '../../../support/disk/disk-worker.js';
import { Timeline } from '../../../support/simulation/timeline.js';

const FILE: FileFacts = { kind: 'file', length: 10, mode: 0o644, owner: 0, group: 0, links: 1, id: '1:1' };
const FOLDER: FileFacts = { ...FILE, kind: 'folder' };

interface World {
  readonly timeline: Timeline;
  readonly pool: FileReadPool;
  /** What is on the disk, by name. */
  readonly names: Map<string, FileFacts>;
  /** Every call that reached the system. */
  readonly log: string[];
  open(path: string): Held[];
  /** Runs simulated time until nothing more happens. */
  settle(): void;
}

type Held = { readonly opened: Opened };

/** A disk of names. Each call takes 1 ms, and there are `descriptors` descriptors. */
function world(bound: number, descriptors: number, paths: readonly string[]): World {
  const timeline = new Timeline();
  const names = new Map<string, FileFacts>([['/d/t', FOLDER], ...paths.map((path) => [`/d/${path}`, FILE] as const)]);
  const log: string[] = [];
  const open = new Map<number, string>();
  let made = 0;
  const operations: ReadOperations = {
    open: (path, answered) =>
      timeline.addTask(() => {
        if (open.size >= descriptors) answered(systemError('EMFILE', 'open'), -1);
        else if (names.get(path) === undefined) answered(systemError('ENOENT', 'open'), -1);
        else {
          made += 1;
          open.set(made, path);
          log.push(`open ${path}`);
          answered(null, made);
        }
      }, 1),
    facts: (descriptor, answered) =>
      timeline.addTask(() => answered(null, names.get(open.get(descriptor) ?? '') ?? FILE), 1),
    read: () => assert.fail('the pool reads nothing'),
    close: (descriptor, answered) => {
      log.push(`close ${open.get(descriptor)}`);
      timeline.addTask(() => {
        open.delete(descriptor);
        answered(null);
      }, 1);
    },
    lookUp: (path) => names.get(path),
    identify: () => undefined,
    numbersAnew: () => false,
    realPath: (path) => path,
    holdFolder: (root, elements) => ({
      nameIn: (element) => [root, ...elements, element].join('/'),
      release: () => undefined,
    }),
  };
  const pool = new FileReadPool(operations, bound);
  return {
    timeline,
    pool,
    names,
    log,
    open: (path) => {
      const held: Held[] = [];
      pool.open(address(path), (opened) => held.push({ opened }));
      return held;
    },
    settle: () => timeline.run(1000),
  };
}

function address(path: string): FileAddress {
  return { home: HOME, file: 0, names: { final: path, part: `${path}.part` }, link: null };
}

const HOME: ReadHome = {
  id: 1,
  place: { root: '/d' },
  find: ({ names }, answered) => answered([names.part, names.final].map((path) => ({ root: '/d', path, id: FILE.id }))),
};

function fileOf(held: readonly Held[]): HeldFile {
  const [first] = held;
  assert.ok(first?.opened.ok === true);
  return first.opened.file;
}

describe('files that are open for reading', () => {
  it('are opened once, under the part name if there is one', () => {
    const { open, settle, log } = world(4, 9, ['t/a.part', 't/a', 't/b']);
    const held = [open('t/a'), open('t/a'), open('t/b')];
    settle();
    held.push(open('t/a'));
    assert.equal(new Set(held.map((one) => fileOf(one).name)).size, 2);
    assert.deepEqual(log, ['open /d/t/a.part', 'open /d/t/b']);
  });

  it('are closed when too many are idle, the longest unused first, never while they are read', () => {
    const { open, settle, log, pool } = world(2, 9, ['t/a', 't/b', 't/c', 't/d']);
    const [a, b] = [open('t/a'), open('t/b')];
    settle();
    pool.release(address('t/b'), fileOf(b));
    const c = open('t/c');
    settle();
    pool.release(address('t/a'), fileOf(a));
    const d = open('t/d');
    settle();
    assert.ok(fileOf(c) && fileOf(d));
    assert.deepEqual(log.slice(2), ['close /d/t/b', 'open /d/t/c', 'close /d/t/a', 'open /d/t/d']);
  });

  it('make room when the system has no descriptors left', () => {
    const { open, settle, log, pool } = world(64, 2, ['t/a', 't/b', 't/c']);
    for (const path of ['t/a', 't/b']) {
      const held = open(path);
      settle();
      pool.release(address(path), fileOf(held));
    }
    const c = open('t/c');
    settle();
    assert.equal(fileOf(c).name, '/d/t/c');
    assert.deepEqual(log.slice(2), ['close /d/t/a', 'open /d/t/c']);
  });

  it('wait for a file that is being read when the system has no descriptors left', () => {
    const { open, settle, pool } = world(64, 1, ['t/a', 't/b']);
    const a = open('t/a');
    settle();
    const b = open('t/b');
    settle();
    assert.deepEqual(b, []);
    pool.release(address('t/a'), fileOf(a));
    settle();
    assert.equal(fileOf(b).name, '/d/t/b');
  });

  it('wait for a file that is being closed when the system has no descriptors left', () => {
    const { open, settle, pool } = world(64, 1, ['t/a', 't/b']);
    const a = open('t/a');
    settle();
    const b = open('t/b');
    settle();
    pool.forget(address('t/a'));
    pool.release(address('t/a'), fileOf(a));
    settle();
    assert.equal(fileOf(b).name, '/d/t/b');
  });

  it('fail when the system has no descriptors left and no file of ours is open', () => {
    const { open, settle } = world(64, 0, ['t/a']);
    const held = open('t/a');
    settle();
    assert.ok(held[0]?.opened.ok === false && held[0].opened.failure.code === 'cannot-open');
  });

  it('are found under the final name when they are finished while they are opened', () => {
    const { open, settle, names } = world(64, 9, ['t/a.part']);
    const held = open('t/a');
    names.delete('/d/t/a.part');
    names.set('/d/t/a', FILE);
    settle();
    assert.equal(fileOf(held).name, '/d/t/a');
  });

  it('that are forgotten stay open for reads under way, and are opened again for the next read', () => {
    const { open, settle, log, pool } = world(64, 9, ['t/a']);
    const [one, two] = [open('t/a'), open('t/a')];
    settle();
    pool.forget(address('t/a'));
    const three = open('t/a');
    settle();
    pool.release(address('t/a'), fileOf(one));
    assert.deepEqual(log, ['open /d/t/a', 'open /d/t/a']);
    pool.release(address('t/a'), fileOf(two));
    pool.release(address('t/a'), fileOf(three));
    pool.forgetAll(1);
    assert.deepEqual(log, ['open /d/t/a', 'open /d/t/a', 'close /d/t/a', 'close /d/t/a']);
    assert.equal(pool.size, 0);
  });

  it('fail for every read that waits when the name is gone, and are tried again for the next read', () => {
    const { open, settle, names } = world(64, 9, []);
    const held = [...open('t/a'), ...open('t/a')];
    settle();
    assert.deepEqual(
      held.map(({ opened }) => (opened.ok ? 'open' : opened.failure.message)),
      ['cannot open /d/t/a: it is not there', 'cannot open /d/t/a: it is not there'],
    );
    names.set('/d/t/a', FILE);
    const again = open('t/a');
    settle();
    assert.ok(fileOf(again));
  });

  it('throws when a file is released too often: that is a bug', () => {
    const { open, settle, pool } = world(64, 9, ['t/a']);
    const file = fileOf(
      (() => {
        const held = open('t/a');
        settle();
        return held;
      })(),
    );
    pool.release(address('t/a'), file);
    pool.forget(address('t/a'));
    assert.throws(() => pool.release(address('t/a'), file), /released but not open/);
  });
});
