/** Whatever a tracker does, a download goes on with the peers that it has. */
import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { scratch } from '../support/disk/scratch.js';
import { closedPort, serveHttp, serveTcp } from '../support/fakes/http-server.js';
import { writeNoise } from '../support/noise.js';
import { btget, btgetEnds, fingerprint, HOSTS, type JsonEvent, type Program, startSeed } from './support.js';

const OPTIONS = { timeout: 20_000 };
const MiB = 1 << 20;
const PEERLESS = 'd8:intervali1800e5:peers0:e';

interface Scene {
  readonly program: Program;
  /** The first thing that btget said of the tracker. */
  tracker(): Promise<JsonEvent>;
  /** Resolves when the content is here and right. */
  readonly complete: Promise<void>;
}

/** A download of 3 MiB at 2 MiB/s from a seed that `--peer` names, with the tracker at `host:port`. */
async function downloadWith(t: TestContext, tracker: string): Promise<Scene> {
  const dir = scratch(t);
  writeNoise(join(dir, 'seed'), { 'data.bin': 3 * MiB });
  const torrent = join(dir, 'data.torrent');
  const url = `http://${tracker}/announce`;
  await btgetEnds(t, 0, 'create', join(dir, 'seed', 'data.bin'), '-o', torrent, '--tracker', url);
  const seed = await startSeed(t, HOSTS.rival, torrent, join(dir, 'seed'), '--no-trackers', '--max-upload', '2M');
  const program = btget(t, torrent, '-d', join(dir, 'leech'), '--bind', HOSTS.btget, '--peer', seed, '--json');
  return {
    program,
    tracker: () => program.event('tracker'),
    complete: (async () => {
      await program.event('done');
      assert.equal(await program.endsWithin(3000), 0);
      assert.deepEqual(fingerprint(join(dir, 'leech')), fingerprint(join(dir, 'seed')));
    })(),
  };
}

/** What btget said of a tracker that answers thus, when the download has gone on to its end. */
async function saidOf(t: TestContext, answer: RequestListener): Promise<unknown> {
  const { program, tracker, complete } = await downloadWith(t, await serveHttp(t, answer, HOSTS.tracker));
  const { ok, message } = await tracker();
  await complete;
  assert.equal(ok, false);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  assert.doesNotMatch(program.stdout + program.stderr, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
  const [, line = ''] = program.stderr.split('/announce: ');
  assert.ok(line.startsWith(`${message}, asked again in `), program.stderr);
  return message;
}

test('a tracker that is down', OPTIONS, async (t) => {
  const { tracker, complete } = await downloadWith(t, `${HOSTS.tracker}:${await closedPort(HOSTS.tracker)}`);
  const { ok, message } = await tracker();
  assert.deepEqual({ ok, message }, { ok: false, message: 'the connection was refused' });
  await complete;
});

test('a tracker that answers after five seconds delays nobody who has another peer', OPTIONS, async (t) => {
  const answer: RequestListener = (_request, response) => {
    const timer = setTimeout(() => response.end(PEERLESS), 5000);
    response.on('close', () => clearTimeout(timer));
  };
  const { program, complete } = await downloadWith(t, await serveHttp(t, answer, HOSTS.tracker));
  await complete;
  assert.deepEqual(
    program.events().filter(({ type, ok }) => type === 'tracker' && ok === true),
    [],
  );
});

test('a tracker that answers after five seconds is waited for by whoever has no other peer', OPTIONS, async (t) => {
  const dir = scratch(t);
  writeNoise(join(dir, 'seed'), { 'data.bin': MiB });
  const peer = { address: '' };
  const answer: RequestListener = (_request, response) => {
    const [host = '', port = ''] = peer.address.split(':');
    const compact = Buffer.from([...host.split('.').map(Number), Number(port) >> 8, Number(port) & 0xff]);
    const body = Buffer.concat([Buffer.from('d8:intervali1800e5:peers6:'), compact, Buffer.from('e')]);
    const timer = setTimeout(() => response.end(body), 5000);
    response.on('close', () => clearTimeout(timer));
  };
  const tracker = `http://${await serveHttp(t, answer, HOSTS.tracker)}/announce`;
  const torrent = join(dir, 'data.torrent');
  await btgetEnds(t, 0, 'create', join(dir, 'seed', 'data.bin'), '-o', torrent, '--tracker', tracker);
  peer.address = await startSeed(t, HOSTS.rival, torrent, join(dir, 'seed'), '--no-trackers');
  await btgetEnds(t, 0, torrent, '-d', join(dir, 'leech'), '--bind', HOSTS.btget);
  assert.deepEqual(fingerprint(join(dir, 'leech')), fingerprint(join(dir, 'seed')));
});

test('a tracker that answers with a page', OPTIONS, async (t) => {
  const message = await saidOf(t, (_request, response) => {
    response
      .setHeader('Content-Type', 'text/html')
      .end('<html><body>\x1b[31mWelcome\x1b[0m to our portal</body></html>');
  });
  assert.match(String(message), /^the answer is not bencoded/);
});

test('a tracker that is missing', OPTIONS, async (t) => {
  const message = await saidOf(t, (_request, response) => response.writeHead(404, 'No\x85where').end('<html>'));
  assert.equal(message, 'HTTP status 404 No where');
});

test('a tracker whose answer unpacks to a gigabyte', OPTIONS, async (t) => {
  // Gzip streams may follow each other: sixteen of 64 MiB, which are 64 KiB each.
  const bomb = Buffer.concat(Array.from({ length: 16 }, () => gzipSync(Buffer.alloc(64 * MiB))));
  const message = await saidOf(t, (_request, response) => {
    response.setHeader('Content-Encoding', 'gzip').end(bomb);
  });
  assert.match(String(message), /^the answer is longer than \d+ bytes$/);
});

test('a tracker whose answer has no end', OPTIONS, async (t) => {
  const chunk = Buffer.alloc(64 * 1024, 'd');
  const message = await saidOf(t, (_request, response) => {
    const more = (): void => {
      while (!response.destroyed && response.write(chunk));
    };
    response.on('drain', more);
    more();
  });
  assert.match(String(message), /^the answer is longer than \d+ bytes$/);
});

test('a tracker that sends one byte of a number after another, and never the last', OPTIONS, async (t) => {
  const { complete } = await downloadWith(
    t,
    await serveTcp(
      t,
      (socket) => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nd8:intervali');
        const drip = setInterval(() => socket.write('1'), 100);
        socket.on('close', () => clearInterval(drip));
      },
      HOSTS.tracker,
    ),
  );
  await complete;
});

test('a tracker that does not speak HTTP', OPTIONS, async (t) => {
  const { tracker, complete } = await downloadWith(
    t,
    await serveTcp(t, (socket) => socket.write('\x13BitTorrent protocol\x1b[2J'), HOSTS.tracker),
  );
  assert.equal((await tracker())['message'], 'not an HTTP answer: it does not begin with HTTP/');
  await complete;
});

test('a tracker that refuses is quoted in full, without what would move a cursor', OPTIONS, async (t) => {
  const long = 'Your client is not on the list of those that may be used here. '.repeat(12).trim();
  const reason = Buffer.from(`\x1b]0;owned\x07\x1b[31m${long}\r\n\x9b2J\u202eé ☃ end`);
  const message = await saidOf(t, (_request, response) => {
    response.end(Buffer.concat([Buffer.from(`d14:failure reason${reason.length}:`), reason, Buffer.from('e')]));
  });
  assert.equal(message, `]0;owned [31m${long} 2J é ☃ end`);
});

test(
  'a download that ends when it is done tells the tracker that it began, was complete, and ended',
  OPTIONS,
  async (t) => {
    const told: (string | undefined)[] = [];
    const answer: RequestListener = ({ url = '' }, response) => {
      told.push(/event=(\w+)/.exec(url)?.[1]);
      response.end(PEERLESS);
    };
    const { complete } = await downloadWith(t, await serveHttp(t, answer, HOSTS.tracker));
    await complete;
    assert.deepEqual(told, ['started', 'completed', 'stopped']);
  },
);
