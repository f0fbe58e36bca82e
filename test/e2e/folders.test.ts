/** Download folders that cannot be made, with the program itself: one that never ended would hold the test. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { FIXTURES, LOOPBACK, runBtget } from '../support/btget-process.js';

const OFFLINE = [...LOOPBACK, '--no-dht', '--no-lsd', '--no-port-mapping'];

test('a folder that cannot be made ends a download at once, with 16 and a line that names it', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'btget-nofolder-'));
  t.after(() => rmSync(root, { recursive: true }));
  writeFileSync(join(root, 'file'), 'mine');
  symlinkSync('nowhere', join(root, 'dangling'));
  const places = ['file', 'file/a', 'file/a/b', 'dangling', 'dangling/a/b'].map((name) => join(root, name));
  if (process.platform === 'linux') places.push('/proc/nope', '/proc/nope/a/b', '/dev/null', '/dev/null/x');
  const torrent = join(FIXTURES, 'one-file.torrent');
  const ends = await Promise.all(
    places.map((place) => runBtget(t, root, [torrent, '-d', place, '--timeout', '600', ...OFFLINE])),
  );
  for (const [index, { code, err }] of ends.entries()) {
    const place = places[index] as string;
    assert.equal(code, 16, `${place}: ${err}`);
    const told = err.split('\n').filter((line) => line.startsWith('btget: '));
    assert.equal(told.length, 1, err);
    assert.ok(told[0]?.includes(place), err);
  }
  assert.deepEqual(readdirSync(root).sort(), ['dangling', 'file']);
  assert.ok(!existsSync(join(root, 'nowhere')));
});
