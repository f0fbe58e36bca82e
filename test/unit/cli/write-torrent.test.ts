import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { mustBeFree, torrentTarget, writeTorrent } from '../../../src/cli/commands/write-torrent.js';
import { Deadline } from '../../../src/cli/run/deadline.js';
import { META_VERSIONS } from '../../../src/metainfo/create-metainfo.js';
import { MAX_TORRENT_LENGTH } from '../../../src/metainfo/metainfo.js';
import { BtgetProcess } from '../../support/btget-process.js';
import { scratch } from '../../support/disk/scratch.js';
import { HANGS_AFTER } from '../../support/hang.js';
import { Timeline } from '../../support/simulation/timeline.js';

const FOREVER = new Deadline(null, new Timeline());

/** Long enough that the writing of it takes some milliseconds. */
const LENGTH = 32 * 1024 * 1024;
const MODULE = new URL('../../../src/cli/commands/write-torrent.js', import.meta.url).href;

/** Starts a process that writes a .torrent to `path`, and says so right before. */
async function startWriter(t: TestContext, path: string, force: boolean) {
  const code = `
    import { writeTorrent } from ${JSON.stringify(MODULE)};
    const bytes = Buffer.alloc(${LENGTH}, 1);
    process.stdout.write('begin', () =>
      writeTorrent({ kind: 'file', path: ${JSON.stringify(path)} }, bytes, ${force}, process.stdout, null));
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code]);
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
}

const lengthOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? -1;

for (const force of [false, true])
  test(`a process that is killed while it ${force ? 'replaces' : 'writes'} a .torrent leaves no half of it`, {
    timeout: HANGS_AFTER,
  }, async (t) => {
    for (let round = 0; round < 5; round += 1) {
      const path = join(scratch(t), 'new.torrent');
      if (force) writeFileSync(path, 'd3:old');
      const before = lengthOf(path);
      const child = await startWriter(t, path, force);
      const ended = once(child, 'close');
      // As soon as anything has changed under the name.
      while (lengthOf(path) === before) await setImmediate();
      child.kill('SIGKILL');
      await ended;
      assert.equal(lengthOf(path), LENGTH);
    }
  });

for (const version of META_VERSIONS)
  test(`create of version ${version} that is killed while it hashes leaves no .torrent`, {
    timeout: HANGS_AFTER,
    skip: process.platform !== 'linux',
  }, async (t) => {
    const dir = scratch(t);
    closeSync(openSync(join(dir, 'long'), 'w'));
    truncateSync(join(dir, 'long'), 2 ** 38);
    const btget = new BtgetProcess(t, dir, ['create', 'long', '--meta-version', version]);
    const read = () => Number(/rchar: (\d+)/.exec(readFileSync(`/proc/${btget.process.pid}/io`, 'latin1'))?.[1]);
    while (read() < 200 * 1024 * 1024) await setImmediate();
    btget.process.kill('SIGKILL');
    assert.equal((await btget.ended).code, 'SIGKILL');
    assert.deepEqual(readdirSync(dir), ['long']);
  });

test('a .torrent replaces no file that has appeared meanwhile, and leaves nothing else behind', async (t) => {
  const dir = scratch(t);
  const path = join(dir, 'new.torrent');
  const target = await torrentTarget(path, null);
  writeFileSync(path, 'd7:another');
  await assert.rejects(writeTorrent(target, Buffer.from('mine'), false, process.stdout, FOREVER), {
    code: 'foreign-file',
  });
  assert.deepEqual([readdirSync(dir), readFileSync(path, 'latin1')], [['new.torrent'], 'd7:another']);
  await writeTorrent(target, Buffer.from('mine'), true, process.stdout, FOREVER);
  assert.deepEqual([readdirSync(dir), readFileSync(path, 'latin1')], [['new.torrent'], 'mine']);
});

test('what a killed process of the same number left behind does not keep a .torrent from being written', async (t) => {
  // Programs in containers have the same few numbers again and again.
  const dir = scratch(t);
  const path = join(dir, 'new.torrent');
  const left = `.new.torrent.${process.pid}.new`;
  writeFileSync(join(dir, left), 'half');
  for (const force of [false, true]) {
    const target = await torrentTarget(path, null);
    await writeTorrent(target, Buffer.from(`d5:force${force}`), force, process.stdout, FOREVER);
    assert.deepEqual(
      [readdirSync(dir).sort(), readFileSync(path, 'latin1')],
      [[left, 'new.torrent'], `d5:force${force}`],
    );
  }
});

test('a .torrent that is too long to be read again is written nowhere', async (t) => {
  const dir = scratch(t);
  const target = await torrentTarget(join(dir, 'new.torrent'), null);
  const long = Buffer.alloc(MAX_TORRENT_LENGTH + 1);
  const refused = { code: 'torrent-invalid', message: /the file would have 33554433 bytes, 33554432 is the most/ };
  await assert.rejects(writeTorrent(target, long, false, process.stdout, FOREVER), refused);
  await assert.rejects(writeTorrent({ kind: 'stdout' }, long, false, process.stdout, FOREVER), refused);
  assert.deepEqual(readdirSync(dir), []);
});

test('--force replaces a .torrent or an empty file, also behind a link, and nothing else', async (t) => {
  const dir = scratch(t);
  const [path, link] = [join(dir, 'file'), join(dir, 'link')];
  symlinkSync('file', link);
  for (const name of [path, link])
    for (const [old, isReplaced] of [
      ['', true],
      ['de', true],
      ['d8:announce3:abce', true],
      ['notes', false],
      ['d', false],
      ['document', false],
      ['\x1aE\xdf\xa3', false],
    ] as const) {
      writeFileSync(path, old, 'latin1');
      const target = await torrentTarget(name, null);
      for (const attempt of [
        () => mustBeFree(target, true),
        () => writeTorrent(target, Buffer.from('d3:newe'), true, process.stdout, FOREVER),
      ])
        if (isReplaced) await attempt();
        else await assert.rejects(attempt, { code: 'foreign-file', message: /is no \.torrent; -o writes elsewhere$/ });
      assert.deepEqual(
        [readFileSync(path, 'latin1'), readdirSync(dir)],
        [isReplaced ? 'd3:newe' : old, ['file', 'link']],
      );
    }
});
