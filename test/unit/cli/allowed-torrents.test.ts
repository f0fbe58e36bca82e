import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { AllowedTorrents } from '../../../src/cli/content/allowed-torrents.js';

const info = (name: string) => `d6:lengthi1e4:name1:${name}12:piece lengthi16384e6:pieces20:${'h'.repeat(20)}e`;
const hashOf = (name: string) => createHash('sha1').update(info(name)).digest();

test('a torrent that comes is served, one that breaks is served as before, one that goes is not', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'allowed-'));
  t.after(() => rm(dir, { recursive: true }));
  const path = join(dir, 'x.torrent');
  const said: string[] = [];
  const allowed = new AllowedTorrents(dir);
  const read = async (content: string | null, time: number): Promise<boolean[]> => {
    if (content === null) await rm(path);
    else {
      await writeFile(path, content);
      await utimes(path, time, time);
    }
    await allowed.readAgain((line) => said.push(line));
    return ['a', 'b'].map((name) => allowed.has(hashOf(name)));
  };
  assert.deepEqual(await read('broken', 1), [false, false]);
  assert.deepEqual(await read(`d4:info${info('a')}e`, 2), [true, false]);
  assert.deepEqual(await read('broken', 3), [true, false]);
  assert.deepEqual(await read(`d4:info${info('b')}e`, 4), [false, true]);
  assert.deepEqual(await read(null, 5), [false, false]);
  assert.deepEqual(
    said.map((line) => line.replace(path, 'x').split(': ').slice(0, 2).join(': ')),
    ['warning: x is not served', 'warning: x is served as it was before'],
  );
});
