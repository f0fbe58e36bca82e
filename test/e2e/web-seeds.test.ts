import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createReadStream, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { BtgetProcess, LOOPBACK, runBtget } from '../support/btget-process.js';
import { serveHttp } from '../support/fakes/http-server.js';
import { HANGS_AFTER } from '../support/hang.js';

const dir = mkdtempSync(join(tmpdir(), 'btget-web-seeds-'));
after(() => rmSync(dir, { recursive: true }));

const www = join(dir, 'www');
const ODD = ['a b.bin', '#1?.bin', '100%+ü.bin', 'deep/er/file.bin', 'empty.bin'];
mkdirSync(join(www, 'many/deep/er'), { recursive: true });
writeFileSync(join(www, 'one.bin'), randomBytes(9_000_001));
for (const [index, name] of ODD.entries())
  writeFileSync(join(www, 'many', name), name === 'empty.bin' ? '' : randomBytes(700_001 + index * 100_003));

/** What a server was asked for: paths with their ranges. */
type Asked = string[];

/** Serves the files below `www` in parts, as web servers do; `answers` may answer in another way. */
function files(asked: Asked, answers: (request: IncomingMessage, response: ServerResponse) => boolean = () => false) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    asked.push(`${request.url} ${request.headers.range}`);
    if (answers(request, response)) return;
    sendFile(request, response);
  };
}

function sendFile(request: IncomingMessage, response: ServerResponse): void {
  const path = join(www, decodeURIComponent(request.url ?? ''));
  let size: number;
  try {
    size = statSync(path).size;
  } catch {
    response.writeHead(404).end('<html>not here</html>');
    return;
  }
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
  assert.equal(request.headers['accept-encoding'], 'identity');
  const [start, end] = [Number(first), Number(last)];
  response.writeHead(206, { 'Content-Range': `bytes ${start}-${end}/${size}`, 'Content-Length': end - start + 1 });
  createReadStream(path, { start, end }).pipe(response);
}

async function create(test: Parameters<typeof runBtget>[0], content: string, version: string, output: string) {
  const made = await runBtget(test, dir, [
    'create',
    join(www, content),
    ...['-o', output, '--force', '--meta-version', version, '--piece-length', '64K'],
  ]);
  assert.equal(made.code, 0, made.err);
}

function sameFiles(got: string): void {
  for (const name of ODD) assert.deepEqual(readFileSync(join(got, name)), readFileSync(join(www, 'many', name)), name);
}

describe('web seeds', { concurrency: 3, timeout: HANGS_AFTER }, () => {
  it('give a whole file when there is no peer, over a kept connection, in runs longer than a piece', async (t) => {
    const asked: Asked = [];
    const host = await serveHttp(t, files(asked));
    await create(t, 'one.bin', '1', 'one.torrent');
    const run = await runBtget(t, dir, [
      'one.torrent',
      ...['-d', 'got-one', '--json', '--web-seed', `http://${host}/one.bin`, ...LOOPBACK],
    ]);
    assert.equal(run.code, 0, run.err + run.out);
    assert.deepEqual(readFileSync(join(dir, 'got-one/one.bin')), readFileSync(join(www, 'one.bin')));
    assert.ok(asked.length < 20, asked.join('\n'));
  });

  for (const version of ['1', '2', 'hybrid']) {
    it(`give the files of a folder, whatever their names (version ${version})`, async (t) => {
      const host = await serveHttp(t, files([]));
      await create(t, 'many', version, `many-${version}.torrent`);
      const run = await runBtget(t, dir, [
        `many-${version}.torrent`,
        ...['-d', `got-${version}`, '--web-seed', `http://${host}/`, ...LOOPBACK],
      ]);
      assert.equal(run.code, 0, run.err);
      sameFiles(join(dir, `got-${version}/many`));
    });
  }

  it('are followed where they redirect, once for each file', async (t) => {
    const asked: Asked = [];
    const host = await serveHttp(t, files(asked));
    const first: Asked = [];
    const front = await serveHttp(
      t,
      files(first, (request, response) => {
        response.writeHead(302, { Location: `http://${host}${request.url}` }).end();
        return true;
      }),
    );
    await create(t, 'one.bin', '1', 'redirected.torrent');
    const run = await runBtget(t, dir, [
      'redirected.torrent',
      ...['-d', 'got-redirected', '--web-seed', `http://${front}/one.bin`, ...LOOPBACK],
    ]);
    assert.equal(run.code, 0, run.err);
    assert.ok(asked.length > 1 && first.length < asked.length, `${first.length} of ${asked.length}`);
  });

  it('that ignore ranges give the whole file once', async (t) => {
    let count = 0;
    const host = await serveHttp(t, (_request, response) => {
      count += 1;
      createReadStream(join(www, 'one.bin')).pipe(response);
    });
    await create(t, 'one.bin', '2', 'rangeless.torrent');
    const run = await runBtget(t, dir, [
      'rangeless.torrent',
      ...['-d', 'got-rangeless', '--web-seed', `http://${host}/one.bin`, ...LOOPBACK],
    ]);
    assert.equal(run.code, 0, run.err);
    assert.ok(count <= 3, `${count} requests`);
  });

  it('of a torrent must not lead into our own machine, and the warning says how they may', async (t) => {
    const asked: Asked = [];
    const host = await serveHttp(t, files(asked));
    const made = await runBtget(t, dir, [
      'create',
      join(www, 'one.bin'),
      ...['-o', 'near.torrent', '--web-seed', `http://${host}/one.bin`],
    ]);
    assert.equal(made.code, 0, made.err);
    const run = new BtgetProcess(t, dir, ['near.torrent', '-d', 'got-near', '--json', ...LOOPBACK]);
    await run.says(/"code":"web-seed","message":"web seed [^"]*this machine: [^"]*--web-seed/);
    assert.deepEqual(asked, []);
  });

  it('with another file there are found out by their first wrong piece', async (t) => {
    const asked: Asked = [];
    const host = await serveHttp(
      t,
      files(asked, (request, response) => {
        const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
        const range = `bytes ${first}-${last}/9000001`;
        response.writeHead(206, { 'Content-Range': range }).end(Buffer.alloc(Number(last) - Number(first) + 1, 7));
        return true;
      }),
    );
    const good = await serveHttp(t, files([]));
    await create(t, 'one.bin', '1', 'wrong.torrent');
    const seeds = [host, good].flatMap((each) => ['--web-seed', `http://${each}/one.bin`]);
    const run = await runBtget(t, dir, ['wrong.torrent', '-d', 'got-wrong', '--json', ...seeds, ...LOOPBACK]);
    assert.equal(run.code, 0, run.err);
    assert.match(run.out, /it has sent wrong bytes \(piece \d+\), and is asked no more/);
    assert.deepEqual(readFileSync(join(dir, 'got-wrong/one.bin')), readFileSync(join(www, 'one.bin')));
  });
});
