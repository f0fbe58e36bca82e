import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { getEventListeners } from 'node:events';
import { createWriteStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { readBlocklist } from '../../../src/session/node-blocklists.js';
import { serveHttp } from '../../support/fakes/http-server.js';
import { HANGS_AFTER } from '../../support/hang.js';

const LIST = 'x:192.0.2.0-192.0.2.255\nrubbish\n198.51.100.0/24\n';

const dir = mkdtempSync(join(tmpdir(), 'btget-lists-'));
after(() => rmSync(dir, { recursive: true }));

function write(name: string, content: string | Buffer): string {
  const path = join(dir, name);
  writeFileSync(path, content);
  return path;
}

/** The message with which the lists are refused. */
async function refusalOf(...lists: readonly string[]): Promise<string> {
  try {
    await readBlocklist(lists);
  } catch (error) {
    assert.ok(error instanceof Error && 'code' in error);
    assert.equal(error.code, 'usage');
    return error.message;
  }
  return 'it was taken';
}

describe('blocklists', { timeout: HANGS_AFTER }, () => {
  it('are read from files, whatever their names, and are one', async () => {
    // As text, in gzip, in gzip of two members.
    const half = LIST.length / 2;
    const two = Buffer.concat([gzipSync(LIST.slice(0, half)), gzipSync(LIST.slice(half))]);
    for (const content of [LIST, gzipSync(LIST), two]) {
      const list = await readBlocklist([write('list.zip', content), write('other', '203.0.113.7\n198.51.100.9')]);
      assert.equal(list.status.ranges, 3);
      assert.deepEqual(list.report, {
        ranges: 3,
        badLines: 1,
        firstBad: { list: join(dir, 'list.zip'), line: 2 },
      });
      assert.deepEqual(
        ['192.0.2.9', '203.0.113.7', '203.0.113.8'].map((host) => list.hasHost(host)),
        [true, true, false],
      );
    }
  });

  it('of 100,000 ranges come over whole', async () => {
    const lines = Array.from(
      { length: 100_000 },
      (_, index) => `n:${11 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}.7`,
    );
    const text = lines.map((line) => line.replace(/:(.*)/, ':$1-$1')).join('\n');
    for (const content of [text, gzipSync(text)]) {
      const list = await readBlocklist([write('long', content)]);
      assert.deepEqual(list.report, { ranges: 100_000, badLines: 0, firstBad: null });
      assert.deepEqual([list.hasHost('12.34.56.7'), list.hasHost('12.34.56.8')], [true, false]);
    }
  });

  it('that cannot be used are named, with the reason', async () => {
    const gone = join(dir, 'gone');
    const good = write('good', LIST);
    const packed = gzipSync(LIST.repeat(100));
    const zip = write('z', Buffer.from('504b030414000000', 'hex'));
    assert.equal(await refusalOf(good, gone), `blocklist ${gone}: no such file`);
    assert.equal(await refusalOf(dir), `blocklist ${dir}: it is a folder`);
    assert.equal(await refusalOf(zip), `blocklist ${zip}: it is a zip archive; unpack it first`);
    const cut = write('cut', packed.subarray(0, packed.length - 20));
    assert.equal(await refusalOf(cut), `blocklist ${cut}: it ends too early for a gzip file`);
    const damaged = write('damaged', packed.fill(0xff, 20, 40));
    assert.equal(await refusalOf(damaged), `blocklist ${damaged}: its gzip data is damaged`);
    for (const content of ['<html>\n<body>\n', Buffer.from('377abcaf271c', 'hex'), '', '# nothing\n', gzipSync('')]) {
      const page = write('page', content);
      assert.equal(await refusalOf(page), `blocklist ${page}: no line names a range of addresses; is it a blocklist?`);
    }
    const [empty, noList] = [write('empty', ''), 'no line names a range of addresses; is it a blocklist?'];
    assert.equal(await refusalOf(good, empty), `blocklist ${empty}: ${noList}`, 'each list, not all together');
    assert.equal(await refusalOf(''), "lists[0]: '' is not a path or an http(s) URL");
  });

  it('that unpack to more than 256 MiB are given up', async () => {
    const bomb = join(dir, 'bomb.gz');
    const member = gzipSync(Buffer.alloc(16 << 20, '\n'));
    const file = createWriteStream(bomb);
    for (let count = 0; count < 17; count += 1) file.write(member);
    await new Promise<void>((resolve) => file.end(resolve));
    assert.equal(await refusalOf(bomb), `blocklist ${bomb}: it is longer than 256 MiB`);
  });

  it('are read from a pipe', async () => {
    const pipe = join(dir, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const reading = readBlocklist([pipe]);
    const file = createWriteStream(pipe);
    // In the first part the magic of gzip cannot be told yet.
    const bytes = gzipSync(LIST);
    file.write(bytes.subarray(0, 1));
    file.end(bytes.subarray(1));
    assert.equal((await reading).status.ranges, 2);
  });

  it('are fetched from a URL, whose secrets no message shows', async (context) => {
    const place = await serveHttp(context, (request, response) => {
      if (request.url === '/gone?key=0123456789abcdef') response.statusCode = 404;
      response.end(request.url === '/packed' ? gzipSync(LIST) : LIST);
    });
    const list = await readBlocklist([`http://${place}/plain`, `http://${place}/packed`]);
    assert.deepEqual(list.report, { ranges: 2, badLines: 2, firstBad: { list: `http://${place}/plain`, line: 2 } });
    const message = await refusalOf(`http://user:password@${place}/gone?key=0123456789abcdef`);
    assert.match(message, /^blocklist http:.*gone.*: HTTP status 404/);
    assert.doesNotMatch(message, /password|0123456789abcdef/);
  });

  it('end when they are aborted', async (context) => {
    const place = await serveHttp(context, () => undefined);
    const ending = new AbortController();
    const reading = readBlocklist([`http://${place}/`], { signal: ending.signal });
    ending.abort();
    await assert.rejects(reading, { code: 'interrupted' });
    await assert.rejects(readBlocklist([write('any', LIST)], { signal: ending.signal }), { code: 'interrupted' });
  });

  it('leave nothing of themselves on a signal that outlives the reading', async (context) => {
    const place = await serveHttp(context, (_request, response) => response.end(LIST));
    const { signal } = new AbortController();
    await readBlocklist([`http://${place}/`, write('any', LIST)], { signal });
    await assert.rejects(readBlocklist([join(dir, 'none')], { signal }), { code: 'usage' });
    assert.deepEqual(getEventListeners(signal, 'abort'), []);
  });

  it('are read again: the old ranges count until the new ones are whole, and when these cannot be used', async () => {
    const path = write('changing', LIST);
    const list = await readBlocklist([path]);
    let told = 0;
    list.onReplaced(() => {
      told += 1;
    });
    write('changing', '203.0.113.0/24');
    const reading = list.reload();
    assert.ok(list.hasHost('192.0.2.1'));
    assert.deepEqual(await reading, { ranges: 1, badLines: 0, firstBad: null });
    assert.deepEqual([list.hasHost('192.0.2.1'), list.hasHost('203.0.113.1'), told], [false, true, 1]);
    write('changing', 'rubbish');
    await assert.rejects(list.reload(), { code: 'usage' });
    assert.deepEqual([list.hasHost('203.0.113.1'), list.report.ranges, told], [true, 1, 1]);
    list.stop();
    await assert.rejects(list.reload(), { code: 'interrupted' });
  });
});
