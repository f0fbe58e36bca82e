import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { Agent, get, type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { BtgetError } from '../../../../src/base/failure.js';
import type { ReadableTorrent } from '../../../../src/cli/run/reading-run.js';
import { ContentServer } from '../../../../src/cli/serve/content-server.js';
import type { ByteRun } from '../../../../src/metainfo/padding.js';
import type { ReadOutcome } from '../../../../src/torrent/reading/content-reader.js';
import { HANGS_AFTER } from '../../../support/hang.js';
import { sampleTorrent } from '../../../support/sample-torrent.js';

const LENGTH = 3 * 1024 * 1024 + 7;
const SAMPLE = sampleTorrent(
  [
    { path: 't/a b.mkv', length: LENGTH },
    { path: 't/pad', length: 5, padding: true },
    { path: 't/empty' },
    { path: 't/c.txt', length: 10 },
  ],
  65_536,
);

/** A torrent that is all here, and tells what is read of it. */
class Shelf implements ReadableTorrent {
  readonly log: string[] = [];
  readonly isAwaited = false;
  /** Reads wait until it is null. */
  gate: Promise<void> | null = null;
  failure: BtgetError | null = null;
  /** Reads that bring nothing, at the end of what is read, wait for it. */
  atEnd: Promise<void> = Promise.resolve();
  whenClosed: () => void = () => undefined;

  openReader(index: number, { begin, end }: ByteRun, early: boolean) {
    this.log.push(`open ${index} ${begin} ${end} ${early}`);
    const bytes = SAMPLE.fileBytes(index).subarray(begin, end);
    let at = 0;
    let isClosed = false;
    return {
      read: (into: Buffer, answered: (outcome: ReadOutcome) => void): void => {
        if (isClosed) throw new Error('a closed reader is asked to read');
        void (at === bytes.length ? this.atEnd : (this.gate ?? Promise.resolve())).then(() => {
          if (isClosed) return;
          if (this.failure !== null) {
            answered({ ok: false, failure: this.failure });
            return;
          }
          const length = bytes.copy(into, 0, at, at + into.length);
          at += length;
          answered({ ok: true, length });
        });
      },
      close: (): void => {
        if (isClosed) return;
        isClosed = true;
        this.log.push(`close ${index} ${at === bytes.length ? 'at its end' : 'before'}`);
        this.whenClosed();
      },
    };
  }

  status(): never {
    throw new Error('nobody asks');
  }

  stop(): never {
    throw new Error('nobody stops it');
  }
}

describe('the server of content', { timeout: HANGS_AFTER }, () => {
  const shelf = new Shelf();
  const files = [0, 2, 3].map((index, number) => ({
    index,
    number,
    file: SAMPLE.metainfo.files[index] ?? assert.fail(),
  }));
  const server = new ContentServer(shelf, SAMPLE.metainfo, files);
  let urls: readonly string[] = [];
  before(async () => {
    urls = await new Promise((resolve) =>
      server.listen(0, (outcome) => resolve(outcome instanceof BtgetError ? assert.fail(outcome) : outcome)),
    );
  });
  after(() => server.close());

  interface Got {
    readonly status: number | undefined;
    readonly headers: IncomingMessage['headers'];
    readonly body: Buffer;
    /** Ours, of the connection. */
    readonly port: number | undefined;
  }

  function ask(
    url: string,
    headers: Record<string, string> = {},
    method = 'GET',
    agent: Agent | false = false,
  ): Promise<Got> {
    return new Promise((resolve, reject) => {
      const asked = request(url, { method, headers, agent }, (response) => {
        const { statusCode: status, headers } = response;
        const port = response.socket.localPort;
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => resolve({ status, headers, body: Buffer.concat(chunks), port }));
      });
      asked.on('error', reject);
      asked.end();
    });
  }

  const film = (): string => urls[0] ?? assert.fail();
  const tag = `"${SAMPLE.metainfo.infoHash.toString('hex')}-0"`;

  it('has a URL for each file, by the numbers of show, and a playlist', async () => {
    const base = new URL(film()).origin;
    const hash = SAMPLE.metainfo.infoHash.toString('hex');
    assert.deepEqual(urls, [
      `${base}/torrents/${hash}/stream/0/a%20b.mkv`,
      `${base}/torrents/${hash}/stream/1/empty`,
      `${base}/torrents/${hash}/stream/2/c.txt`,
      `${base}/torrents/${hash}/playlist.m3u8`,
    ]);
    const { status, body } = await ask(urls[3] ?? '');
    assert.equal(status, 200);
    assert.deepEqual(
      body.toString(),
      `#EXTM3U\n${['a b.mkv', 'empty', 'c.txt'].map((name, at) => `#EXTINF:-1,${name}\n${urls[at]}\n`).join('')}`,
    );
    assert.deepEqual((await ask(`${base}/torrents/${hash.toUpperCase()}/stream/2`)).body, SAMPLE.fileBytes(3));
  });

  it('sends a whole file, and an empty one', async () => {
    const { status, headers, body } = await ask(film());
    assert.deepEqual(
      [status, headers['content-type'], headers['content-length'], headers['accept-ranges'], headers.etag],
      [200, 'video/x-matroska', `${LENGTH}`, 'bytes', tag],
    );
    assert.ok(body.equals(SAMPLE.fileBytes(0)));
    const empty = await ask(urls[1] ?? '');
    assert.deepEqual([empty.status, empty.body.length], [200, 0]);
  });

  it('sends the part that is asked for, and reads nothing else', async () => {
    shelf.log.length = 0;
    const { status, headers, body } = await ask(film(), { Range: 'bytes=1000000-1000099' });
    assert.deepEqual(
      [status, headers['content-range'], headers['content-length']],
      [206, `bytes 1000000-1000099/${LENGTH}`, '100'],
    );
    assert.ok(body.equals(SAMPLE.fileBytes(0).subarray(1_000_000, 1_000_100)));
    assert.equal(shelf.log[0], 'open 0 1000000 1000100 true');
    const tail = await ask(film(), { Range: 'bytes=-7', 'If-Range': tag });
    assert.deepEqual([tail.status, tail.body], [206, SAMPLE.fileBytes(0).subarray(-7)]);
  });

  it('sends the whole for several ranges, and for a part of what is another file by now', async () => {
    for (const headers of [{ Range: 'bytes=0-1,5-6' }, { Range: 'bytes=0-1', 'If-Range': '"another"' }]) {
      const { status, body } = await ask(film(), headers);
      assert.deepEqual([status, body.length], [200, LENGTH]);
    }
  });

  it('says 416 behind the end, and 304 of what the player has', async () => {
    shelf.log.length = 0;
    const { status, headers } = await ask(film(), { Range: `bytes=${LENGTH}-` });
    assert.deepEqual([status, headers['content-range']], [416, `bytes */${LENGTH}`]);
    for (const tags of [`"x", ${tag}`, `W/${tag}`, '*'])
      assert.equal((await ask(film(), { 'If-None-Match': tags })).status, 304, tags);
    assert.deepEqual(shelf.log, []);
  });

  it('answers HEAD without reading', async () => {
    shelf.log.length = 0;
    const whole = await ask(film(), {}, 'HEAD');
    const part = await ask(film(), { Range: 'bytes=5-' }, 'HEAD');
    assert.deepEqual([whole.status, whole.headers['content-length'], whole.body.length], [200, `${LENGTH}`, 0]);
    assert.deepEqual([part.status, part.headers['content-length']], [200, `${LENGTH}`], 'only GET has ranges');
    assert.deepEqual(shelf.log, []);
  });

  /** The answer to a request that is sent as it is; the server hangs up behind it. */
  function tell(lines: readonly string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      let heard = '';
      const socket = connect(Number(new URL(film()).port), '127.0.0.1');
      socket.on('data', (chunk: Buffer) => {
        heard += chunk.toString('latin1');
      });
      socket.on('error', reject);
      socket.on('end', () => resolve(heard));
      socket.write(`${[...lines, 'Connection: close'].join('\r\n')}\r\n\r\n`);
    });
  }

  it('takes a whole URL for a target, and the host in it for the one that is asked', async () => {
    const { port } = new URL(film());
    const { pathname } = new URL(urls[2] ?? '');
    const list = new URL(urls[3] ?? '').pathname;
    const part = await tell([
      `GET http://localhost:${port}${pathname}?x HTTP/1.1`,
      ...[`Host: localhost:${port}`, 'Range: bytes=0-1'],
    ]);
    assert.match(part, /^HTTP\/1\.1 206 .*Content-Range: bytes 0-1\/10\r\n/s);
    const named = await tell([`GET http://[::1]:81${list} HTTP/1.1`, 'Host: 127.0.0.1']);
    assert.match(named, /\nhttp:\/\/\[::1\]:81\/torrents\//);
    const page = ['Host: 127.0.0.1', 'Origin: http://127.0.0.1'];
    const refused = {
      'another host': [`GET http://evil.example${pathname} HTTP/1.1`, 'Host: 127.0.0.1'],
      'another host in the header': [`GET http://127.0.0.1${pathname} HTTP/1.1`, 'Host: evil.example'],
      'a user name': [`GET http://127.0.0.1@evil.example${pathname} HTTP/1.1`, 'Host: 127.0.0.1'],
      'a page of another port': [`GET http://127.0.0.1:1${pathname} HTTP/1.1`, ...page],
      'an old request without a host': [`GET ${pathname} HTTP/1.0`],
    };
    const statuses = await Promise.all(Object.values(refused).map(async (lines) => (await tell(lines)).slice(9, 12)));
    assert.deepEqual(Object.fromEntries(Object.keys(refused).map((name, at) => [name, statuses[at]])), {
      'another host': '421',
      'another host in the header': '421',
      'a user name': '404',
      'a page of another port': '403',
      'an old request without a host': '421',
    });
  });

  it('says 412 to a player that wants another file than this, comparing strongly', async () => {
    const etagOf = (number: number) => tag.replace(/-0"$/, `-${number}"`);
    for (const tags of ['"another"', `W/${tag}`, etagOf(1), `"x", W/${tag}`])
      for (const method of ['GET', 'HEAD']) {
        shelf.log.length = 0;
        const { status, headers } = await ask(
          film(),
          { 'If-Match': tags, 'If-None-Match': tag, Range: 'bytes=0-1' },
          method,
        );
        assert.deepEqual([status, headers.etag, shelf.log], [412, tag, []], `${method} ${tags}`);
      }
    for (const tags of [tag, '*', `"x", ${tag}`])
      assert.equal((await ask(film(), { 'If-Match': tags, Range: 'bytes=0-1' })).status, 206, tags);
  });

  it('knows no other file, method, host or page', async () => {
    const base = new URL(film()).origin;
    const hash = SAMPLE.metainfo.infoHash.toString('hex');
    const paths = ['/', `/torrents/${hash}/stream/3`, `/torrents/${hash}/stream/-1`, `/torrents/${hash}/stream/0/a/b`];
    for (const path of [...paths, `/torrents/${'0'.repeat(40)}/stream/0`, '/torrents/x/stream/0', '/../../etc/passwd'])
      assert.equal((await ask(base + path)).status, 404, path);
    const post = await ask(film(), {}, 'POST');
    assert.deepEqual([post.status, post.headers.allow], [405, 'GET, HEAD']);
    assert.equal((await ask(film(), { Host: 'evil.example' })).status, 421);
    assert.equal((await ask(film(), { Origin: 'http://evil.example' })).status, 403);
    const own = await ask(film(), { Origin: base, Range: 'bytes=0-0' });
    assert.deepEqual([own.status, own.headers['access-control-allow-origin']], [206, undefined]);
  });

  it('shows nothing in pages of other sites, and opens for a link, a page of its own and players', async () => {
    shelf.log.length = 0;
    const from = (site: string, mode: string, dest: string) =>
      ask(film(), { 'Sec-Fetch-Site': site, 'Sec-Fetch-Mode': mode, 'Sec-Fetch-Dest': dest, Range: 'bytes=0-0' });
    for (const [site, mode, dest] of [
      ['cross-site', 'no-cors', 'video'],
      ['same-site', 'no-cors', 'video'],
      ['cross-site', 'navigate', 'iframe'],
    ] as const)
      assert.equal((await from(site, mode, dest)).status, 403, `${site} ${mode} ${dest}`);
    assert.deepEqual(shelf.log, []);
    assert.equal((await from('cross-site', 'navigate', 'document')).status, 206);
    assert.equal((await from('none', 'navigate', 'document')).status, 206);
    assert.equal((await from('same-origin', 'no-cors', 'video')).status, 206);
  });

  it('answers one request after the other over one connection, when each comes as the one before is read', async (t) => {
    const library = new Shelf();
    const other = new ContentServer(library, SAMPLE.metainfo, files);
    t.after(() => other.close());
    const [whole = '', empty = '', short = ''] = await new Promise<readonly string[]>((resolve) =>
      other.listen(0, (outcome) => resolve(outcome instanceof BtgetError ? assert.fail(outcome) : outcome)),
    );
    // A player need not wait until a reader says that there are no more bytes. So the readers say it as the player asks
    // for the next thing, and not before.
    let release: () => void = () => undefined;
    const requested = (): void => {
      setImmediate(release);
      library.atEnd = new Promise((resolve) => {
        release = resolve;
      });
    };
    subscribe('http.server.request.start', requested);
    t.after(() => unsubscribe('http.server.request.start', requested));
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    t.after(() => agent.destroy());
    const film = SAMPLE.fileBytes(0);
    const part = (begin: number, end: number): Record<string, string> => ({ Range: `bytes=${begin}-${end - 1}` });
    const requests: readonly (readonly [string, string, Record<string, string>, number, Buffer])[] = [
      ['GET', whole, {}, 200, film],
      ['GET', whole, {}, 200, film],
      ['HEAD', whole, {}, 200, Buffer.alloc(0)],
      ['GET', whole, part(5, 6), 206, film.subarray(5, 6)],
      ['GET', whole, part(0, 1_000_000), 206, film.subarray(0, 1_000_000)],
      ['GET', empty, {}, 200, Buffer.alloc(0)],
      ['GET', empty, {}, 200, Buffer.alloc(0)],
      ['HEAD', empty, {}, 200, Buffer.alloc(0)],
      ['GET', short, {}, 200, SAMPLE.fileBytes(3)],
      ['GET', whole, part(LENGTH - 7, LENGTH), 206, film.subarray(-7)],
      ['GET', short, {}, 200, SAMPLE.fileBytes(3)],
    ];
    const ports = new Set<number | undefined>();
    const statuses: (number | undefined)[] = [];
    for (const [method, url, headers, , expected] of requests) {
      const got = await ask(url, headers, method, agent);
      statuses.push(got.status);
      ports.add(got.port);
      if (got.status !== 503) assert.ok(got.body.equals(expected), `${method} ${url} ${headers['Range'] ?? ''}`);
    }
    assert.deepEqual(
      statuses,
      requests.map(([, , , status]) => status),
    );
    assert.equal(ports.size, 1, 'over one connection');
  });

  it('opens one reader for a connection, however many requests come over it at once, and the next when it is read', async () => {
    shelf.log.length = 0;
    let open: () => void = () => undefined;
    shelf.gate = new Promise((resolve) => {
      open = resolve;
    });
    const { port, pathname } = new URL(urls[2] ?? '');
    const line = `GET ${pathname} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`;
    const socket = connect(Number(port), '127.0.0.1');
    let heard = '';
    const has = (count: number, what: RegExp): Promise<void> =>
      new Promise((resolve) => {
        const look = (): void => {
          if ((heard.match(what) ?? []).length >= count) resolve();
        };
        socket.on('data', look);
        look();
      });
    socket.on('data', (chunk: Buffer) => {
      heard += chunk.toString('latin1');
    });
    socket.write(line.repeat(300));
    await has(1, /HTTP\/1.1 200 /g);
    assert.deepEqual(shelf.log, ['open 3 0 10 true']);
    open();
    shelf.gate = null;
    await has(299, /HTTP\/1.1 503 /g);
    assert.deepEqual(shelf.log, ['open 3 0 10 true', 'close 3 at its end']);
    socket.write(line);
    await has(2, /HTTP\/1.1 200 /g);
    socket.destroy();
  });

  it('opens one reader for a connection, though the file must wait behind the answer to an earlier request', async () => {
    shelf.log.length = 0;
    let open: () => void = () => undefined;
    shelf.gate = new Promise((resolve) => {
      open = resolve;
    });
    const { port, pathname } = new URL(urls[2] ?? '');
    const lineOf = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`;
    const socket = connect(Number(port), '127.0.0.1');
    let heard = '';
    const isAnswered = new Promise<void>((resolve) => {
      socket.on('data', (chunk: Buffer) => {
        heard += chunk.toString('latin1');
        if ((heard.match(/HTTP\/1.1 503 /g) ?? []).length === 299) resolve();
      });
    });
    // They come at once, so that Node reads all of them before it has sent the first answer.
    socket.write(lineOf('/nothing') + lineOf(pathname).repeat(300));
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (/HTTP\/1.1 200 /.test(heard)) resolve();
      };
      socket.on('data', look);
    });
    assert.deepEqual(shelf.log, ['open 3 0 10 true']);
    open();
    shelf.gate = null;
    await isAnswered;
    assert.deepEqual(shelf.log, ['open 3 0 10 true', 'close 3 at its end']);
    assert.deepEqual(
      [...new Set(heard.match(/HTTP\/1.1 \d+/g))],
      ['HTTP/1.1 404', 'HTTP/1.1 200', 'HTTP/1.1 503'],
      'the answers come in the order of the requests',
    );
    socket.destroy();
  });

  it('closes the reader of a player that hangs up', async () => {
    shelf.log.length = 0;
    let open: () => void = () => undefined;
    shelf.gate = new Promise((resolve) => {
      open = resolve;
    });
    const closed = new Promise<void>((resolve) => {
      shelf.whenClosed = resolve;
    });
    // The head comes before the first byte.
    await new Promise<void>((resolve) => {
      const asked = get(film(), { agent: false }, (response) => {
        response.on('error', () => undefined);
        asked.destroy();
        resolve();
      });
      asked.on('error', () => undefined);
    });
    await closed;
    open();
    shelf.gate = null;
    assert.deepEqual(shelf.log, [`open 0 0 ${LENGTH} true`, 'close 0 before']);
  });

  it('closes the reader of a player that hangs up before the answers to earlier requests are sent', async (t) => {
    const library = new Shelf();
    const [film] = files;
    // Its playlist has more bytes than the system keeps for a player that does not read.
    const name = 'ä'.repeat(120);
    const many = Array.from({ length: 30_000 }, (_, number) => ({
      index: 0,
      number,
      file: { ...(film?.file ?? assert.fail()), path: ['t', name] },
    }));
    const other = new ContentServer(library, SAMPLE.metainfo, many);
    t.after(() => other.close());
    const all = await new Promise<readonly string[]>((resolve) =>
      other.listen(0, (outcome) => resolve(outcome instanceof BtgetError ? assert.fail(outcome) : outcome)),
    );
    const isClosed = new Promise<void>((resolve) => {
      library.whenClosed = resolve;
    });
    const paths = [all.at(-1) ?? '', '/', '/', all[0] ?? ''].map((url) => new URL(url, all[0]).pathname);
    const socket = connect(Number(new URL(all[0] ?? '').port), '127.0.0.1');
    socket.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`).join(''));
    await once(socket, 'readable');
    // All requests have been read by now, for they came together.
    assert.deepEqual(library.log, [`open 0 0 ${LENGTH} true`]);
    socket.destroy();
    await isClosed;
    assert.deepEqual(library.log, [`open 0 0 ${LENGTH} true`, 'close 0 before']);
  });

  it('cuts the answer short when the torrent fails, so that nobody takes it for whole', async () => {
    shelf.failure = new BtgetError('io', 'the disk is gone');
    await assert.rejects(ask(film()));
    shelf.failure = null;
  });

  it('says that its port is taken', async () => {
    const other = new ContentServer(shelf, SAMPLE.metainfo, files);
    const outcome = await new Promise((resolve) => other.listen(Number(new URL(film()).port), resolve));
    assert.ok(outcome instanceof BtgetError && outcome.code === 'network');
    assert.match(outcome.message, /^cannot listen on 127\.0\.0\.1:\d+: in use$/);
  });

  it('asks nothing of a reader that it has closed, when it hangs up while a player takes the bytes', async () => {
    const closing: Shelf = new Shelf();
    const open = closing.openReader.bind(closing);
    const later = [(call: () => void) => call(), process.nextTick, setImmediate];
    for (const [reads, when] of [1, 2, 3, 5].flatMap((count) => later.map((each) => [count, each] as const))) {
      const server = new ContentServer(closing, SAMPLE.metainfo, files);
      closing.openReader = (...args) => {
        const reader = open(...args);
        let count = 0;
        return {
          ...reader,
          read: (into, answered) =>
            reader.read(into, (outcome) => {
              answered(outcome);
              count += 1;
              if (count === reads) when(() => server.close());
            }),
        };
      };
      const urls = await new Promise<readonly string[]>((resolve) =>
        server.listen(0, (outcome) => resolve(outcome instanceof BtgetError ? assert.fail(outcome) : outcome)),
      );
      // What the player gets of it is a matter of time. A read that comes too late is thrown.
      await ask(urls[0] ?? '').catch(() => undefined);
    }
  });
});
