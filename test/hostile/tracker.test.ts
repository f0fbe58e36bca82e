/** One host that wants the whole of `btget tracker`, and others that want their share. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, connect as dial, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { systemRandom } from '../../src/base/system-random.js';
import { asBytes, asDictionary, getInteger } from '../../src/bencode/access.js';
import { type BencodeDictionary, decodeBencode } from '../../src/bencode/bencode.js';
import { CANONICAL } from '../../src/bencode/guard.js';
import { TrackerStateFile } from '../../src/cli/commands/tracker-state-file.js';
import { PAGE_STYLE, writeTrackerPage } from '../../src/cli/output/tracker-page.js';
import { escapeBytes } from '../../src/discovery/trackers/announce-url.js';
import { DEFAULT_NODE_RAW_SERVER_OPTIONS, NodeRawServer } from '../../src/net/node-raw-server.js';
import { TorrentTable } from '../../src/tracker/torrent-table.js';
import { Tracker } from '../../src/tracker/tracker.js';
import { DEFAULT_TRACKER_OPTIONS } from '../../src/tracker/tracker-options.js';
import { encodeState } from '../../src/tracker/tracker-state.js';
import { decodeUdpAnswer, type UdpTrackerAnswer } from '../../src/wire/udp-tracker-answer.js';
import { encodeUdpRequest, type UdpTrackerRequest } from '../../src/wire/udp-tracker-request.js';
import { btget, HOSTS } from '../live/support.js';
import { scratch } from '../support/disk/scratch.js';
import { PLAIN_FACE } from '../support/fakes/plain-face.js';
import { reportAttack } from './report.js';

const OPTIONS = { timeout: 300_000 };
const ATTACKER = HOSTS.btget;
const HONEST = 64;
/** What an honest client waits for an answer: the machine may be busy. */
const PATIENCE = 30_000;
const TORRENT = Buffer.alloc(20, 0xfe);

/** The host of an honest client; none is the attacker's. */
const honestHost = (number: number): string => `10.9.0.${3 + (number % 38)}`;

interface TrackerAt {
  readonly port: number;
  readonly pid: number;
}

async function startTracker(t: TestContext, ...more: string[]): Promise<TrackerAt> {
  const program = btget(t, 'tracker', '--bind', HOSTS.tracker, '--port', '0', ...more);
  const port = await program.until((output) => /http:\/\/\S+:(\d+)\/announce/.exec(output)?.[1]);
  return { port: Number(port), pid: program.child.pid ?? 0 };
}

/** Each peer has a port of its own, or it would take the place of another one of its host. */
const portOf = (peerId: Buffer): number => 10_000 + (peerId.readUInt16BE() % 50_000);

function announcePath(fields: Readonly<Record<string, string | number>>, infoHash = TORRENT, peerId = randomBytes(20)) {
  const own = {
    info_hash: escapeBytes(infoHash),
    peer_id: escapeBytes(peerId),
    port: portOf(peerId),
    left: 5,
    compact: 1,
  };
  const query = Object.entries({ ...own, ...fields }).map(([key, value]) => `${key}=${value}`);
  return `/announce?${query.join('&')}`;
}

/** What the tracker answers to `path`, asked from `host`; undefined when it closes the connection without a word. */
async function get(port: number, host: string, path: string): Promise<BencodeDictionary | undefined> {
  const socket = dial({ host: HOSTS.tracker, port, localAddress: host, family: 4 });
  socket.on('error', () => undefined);
  const limit = setTimeout(() => socket.destroy(), PATIENCE);
  socket.write(`GET ${path} HTTP/1.1\r\nHost: tracker\r\n\r\n`);
  const parts: Buffer[] = [];
  socket.on('data', (data) => parts.push(data));
  if (!socket.closed) await once(socket, 'close');
  clearTimeout(limit);
  const answer = Buffer.concat(parts);
  const body = answer.subarray(answer.indexOf('\r\n\r\n') + 4);
  return answer.length === 0 ? undefined : asDictionary(decodeBencode(body, CANONICAL));
}

/** How many of the honest clients are answered, each of which announces once over HTTP. */
async function honestAnswers(port: number): Promise<number> {
  const asked = Array.from({ length: HONEST }, (_, number) => get(port, honestHost(number), announcePath({})));
  return (await Promise.all(asked)).filter((answer) => getInteger(answer ?? new Map(), 'interval') !== undefined)
    .length;
}

test('1,000 connections that drip from one host keep none of 64 others from its answer', OPTIONS, async (t) => {
  const { port } = await startTracker(t);
  const clean = await honestAnswers(port);
  const dripping = new Set<Socket>();
  let isOver = false;
  const drip = (): void => {
    if (isOver) return;
    const socket = dial({ host: HOSTS.tracker, port, localAddress: ATTACKER, family: 4 });
    dripping.add(socket);
    socket.on('error', () => undefined).on('connect', () => socket.write('GET /'));
    // Whatever is closed is opened anew.
    socket.on('close', () => {
      dripping.delete(socket);
      setTimeout(drip, 20);
    });
  };
  for (let number = 0; number < 1_000; number += 1) drip();
  const timer = setInterval(() => {
    for (const socket of dripping) socket.write('a');
  }, 500);
  await wait(2_000);
  const answered = await honestAnswers(port);
  clearInterval(timer);
  isOver = true;
  for (const socket of dripping) socket.destroy();
  reportAttack({
    attack: 'tracker: 1,000 HTTP connections of one host drip',
    figure: `of ${HONEST} others, without an answer`,
    clean: HONEST - clean,
    underAttack: HONEST - answered,
    limit: 0,
  });
  assert.equal(answered, HONEST);
});

/** A client of UDP, with its connection id. */
class UdpClient {
  readonly #socket: UdpSocket;
  readonly #port: number;
  #id = Buffer.alloc(8);
  readonly #waiting = new Map<number, (answer: UdpTrackerAnswer) => void>();
  #transaction = 0;

  private constructor(socket: UdpSocket, port: number) {
    this.#socket = socket;
    this.#port = port;
    socket.on('message', (data) => {
      const answer = decodeUdpAnswer(data);
      if (answer !== undefined) this.#waiting.get(answer.transactionId)?.(answer);
    });
  }

  static async open(t: TestContext, host: string, port: number): Promise<UdpClient> {
    const socket = createSocket('udp4');
    socket.bind(0, host);
    await once(socket, 'listening');
    t.after(() => socket.close());
    const client = new UdpClient(socket, port);
    const answer = await client.ask((transactionId) => ({ kind: 'connect', transactionId }));
    if (answer?.kind === 'connect') client.#id = Buffer.from(answer.connectionId);
    return client;
  }

  /** Sends an announce and waits for nothing. */
  announce(infoHash: Buffer, peerId: Buffer): void {
    this.#send(this.#announceOf(++this.#transaction, infoHash, peerId));
  }

  /** The answer to an announce that is repeated each second, as clients do. */
  announceUntilAnswered(infoHash: Buffer): Promise<UdpTrackerAnswer | undefined> {
    const peerId = randomBytes(20);
    return this.ask((transactionId) => this.#announceOf(transactionId, infoHash, peerId));
  }

  async ask(request: (transactionId: number) => UdpTrackerRequest): Promise<UdpTrackerAnswer | undefined> {
    const transactionId = ++this.#transaction;
    const answered = new Promise<UdpTrackerAnswer>((resolve) => this.#waiting.set(transactionId, resolve));
    for (let tries = 0; tries < PATIENCE / 1_000; tries += 1) {
      this.#send(request(transactionId));
      const answer = await Promise.race([answered, wait(1_000, undefined)]);
      if (answer !== undefined) return answer;
    }
    return undefined;
  }

  #announceOf(transactionId: number, infoHash: Buffer, peerId: Buffer): UdpTrackerRequest {
    const counts = { downloaded: 0, left: 5, uploaded: 0, event: null, ip: null, key: 0, numwant: 200, urlData: '' };
    return {
      kind: 'announce',
      connectionId: this.#id,
      transactionId,
      infoHash,
      peerId,
      port: portOf(peerId),
      ...counts,
    };
  }

  #send(request: UdpTrackerRequest): void {
    this.#socket.send(encodeUdpRequest(request), this.#port, HOSTS.tracker);
  }
}

test(
  '300,000 announces of one host over UDP, and what it can send over HTTP, keep no other out',
  OPTIONS,
  async (t) => {
    const { port, pid } = await startTracker(t);
    const attackers = await Promise.all(Array.from({ length: 4 }, () => UdpClient.open(t, ATTACKER, port)));
    let isOver = false;
    const overHttp = Array.from({ length: 50 }, async () => {
      while (!isOver) await get(port, ATTACKER, announcePath({}, randomBytes(20))).catch(() => undefined);
    });
    const fill = async (): Promise<void> => {
      for (let number = 0; number < 300_000; number += 1) {
        // Half for the torrent of the others, half for a torrent of its own each.
        attackers[number % 4]?.announce(number % 8 < 4 ? TORRENT : randomBytes(20), randomBytes(20));
        if (number % 500 === 0) await new Promise(setImmediate);
      }
    };
    const filled = fill();
    await wait(1_000);
    const others = await Promise.all(
      Array.from({ length: HONEST }, async (_, number) => {
        const client = await UdpClient.open(t, honestHost(number), port);
        const own = await client.announceUntilAnswered(Buffer.alloc(20, number));
        const shared = await client.announceUntilAnswered(TORRENT);
        return own?.kind === 'announce' && shared?.kind === 'announce';
      }),
    );
    const overHttpAnswered = await honestAnswers(port);
    await filled;
    isOver = true;
    await Promise.all(overHttp);
    const answered = others.filter((isAnswered) => isAnswered).length;
    // What the honest announced is still there: each finds others than the attacker.
    const seen = new Set<string>();
    for (let round = 0; round < 40; round += 1) {
      const answer = await get(port, honestHost(0), announcePath({ numwant: 200 }));
      const peers = asBytes(answer?.get('peers')) ?? Buffer.alloc(0);
      for (let at = 0; at + 6 <= peers.length; at += 6) seen.add(peers.subarray(at, at + 4).join('.'));
    }
    const hosts = new Set(Array.from({ length: HONEST }, (_, number) => honestHost(number)));
    assert.ok(
      [...hosts].every((host) => seen.has(host)),
      `${seen.size} of ${hosts.size} hosts are told`,
    );
    const memory = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
    reportAttack({
      attack: 'tracker: one host announces 300,000 times over UDP, and over 50 connections of HTTP',
      figure: `of ${HONEST} others over UDP and ${HONEST} over HTTP, without an answer`,
      clean: null,
      underAttack: 2 * HONEST - answered - overHttpAnswered,
      limit: 0,
    });
    reportAttack({
      attack: 'tracker: the same',
      figure: 'memory of the tracker, MiB',
      clean: null,
      underAttack: Math.round(memory),
      limit: 512,
    });
    assert.deepEqual([answered, overHttpAnswered], [HONEST, HONEST]);
    assert.ok(memory <= 512, `${memory} MiB`);
  },
);

test('starting, stopping and completing a thousand times leaves the counts as they are', OPTIONS, async (t) => {
  const { port } = await startTracker(t);
  await get(port, honestHost(0), announcePath({ event: 'started' }));
  const ids = Array.from({ length: 250 }, () => randomBytes(20));
  for (const id of ids) {
    for (const fields of [
      { event: 'started' },
      { event: 'completed', left: 0 },
      { left: 9 },
      { event: 'completed', left: 0 },
    ])
      await get(port, ATTACKER, announcePath(fields, TORRENT, id));
    await get(port, ATTACKER, announcePath({ event: 'stopped' }, TORRENT, id));
  }
  const answer = await get(port, honestHost(0), `/scrape?info_hash=${escapeBytes(TORRENT)}`);
  const [counts] = asDictionary(answer?.get('files'))?.values() ?? [];
  const count = (name: string): number => getInteger(asDictionary(counts) ?? new Map(), name) ?? -1;
  const limit = 8;
  const underAttack = count('downloaded');
  reportAttack({
    attack: 'tracker: one host starts, completes and stops as 250 peers, twice each',
    figure: 'downloads counted',
    clean: null,
    underAttack,
    limit,
  });
  assert.deepEqual([count('complete'), count('incomplete')], [0, 1]);
  assert.ok(underAttack <= limit, `${underAttack} downloads`);
});

/** A host at which nothing answers, and how many of its ports are dialled at once. */
async function startTarget(t: TestContext, host: string): Promise<{ server: Server; port: number; open(): number }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(
      socket
        .on('error', () => undefined)
        .on('close', () => sockets.delete(socket))
        .resume(),
    );
  });
  server.listen(0, host);
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  return { server, port: address.port, open: () => sockets.size };
}

test('a host that has itself called back for nothing leaves the checks of others alone', OPTIONS, async (t) => {
  const { port } = await startTracker(t, '--nat-check');
  const silent = await startTarget(t, ATTACKER);
  for (let number = 0; number < 400; number += 1) {
    await get(port, ATTACKER, announcePath({ port: silent.port }, randomBytes(20)));
  }
  assert.ok(silent.open() <= 100, `${silent.open()} calls at once`);
  let reached = 0;
  for (let number = 0; number < 8; number += 1) {
    const [host, id] = [honestHost(number), randomBytes(20)];
    const peer = createServer((socket) => {
      socket
        .on('error', () => undefined)
        .write(Buffer.concat([Buffer.from('\u0013BitTorrent protocol', 'latin1'), Buffer.alloc(8), TORRENT, id]));
    });
    peer.listen(0, host);
    await once(peer, 'listening');
    t.after(() => peer.close());
    const at = peer.address();
    assert.ok(at !== null && typeof at === 'object');
    const called = once(peer, 'connection');
    await get(port, host, announcePath({ port: at.port }, TORRENT, id));
    await called;
    reached += 1;
  }
  const told = async (): Promise<number> => {
    const peers = asBytes((await get(port, honestHost(30), announcePath({ event: 'started' })))?.get('peers'));
    return (peers?.length ?? 0) / 6;
  };
  for (let tries = 0; tries < 100 && (await told()) < reached; tries += 1) await wait(100);
  const underAttack = reached - (await told());
  reportAttack({
    attack: 'tracker: one host has itself called back 400 times, and never answers',
    figure: 'of 8 other peers, not found reachable',
    clean: null,
    underAttack,
    limit: 0,
  });
  assert.equal(underAttack, 0);
});

test('the loop is not held while the state of 200,000 peers is saved', OPTIONS, async (t) => {
  const server = new NodeRawServer({
    ...DEFAULT_NODE_RAW_SERVER_OPTIONS,
    gotException: (error) => {
      throw error;
    },
  });
  t.after(() => server.close());
  const path = join(scratch(t), 'state');
  const file = new TrackerStateFile(path, (line) => assert.fail(line), systemRandom);
  let saves = 0;
  const tracker = new Tracker(
    {
      timers: server,
      random: systemRandom,
      natCheck: { check: () => undefined },
      isAllowed: () => true,
      clientOf: ({ remote }) => remote.host,
      face: PLAIN_FACE,
      save: (state) => {
        file.save(state);
        saves += 1;
      },
    },
    { ...DEFAULT_TRACKER_OPTIONS, saveInterval: 100 },
  );
  tracker.restore(fullState());
  tracker.begin();
  // What the restart leaves behind is collected meanwhile.
  while (saves === 0) await new Promise(setImmediate);
  await file.settled();
  // What the system gives to other processes meanwhile is no hold of ours: a turn counts by the time that it computes.
  let longest = 0;
  let turns = 0;
  let [then, used] = [performance.now(), process.cpuUsage()];
  while (saves < 3) {
    await new Promise(setImmediate);
    const spent = process.cpuUsage(used);
    longest = Math.max(longest, Math.min(performance.now() - then, (spent.user + spent.system) / 1000));
    [then, used] = [performance.now(), process.cpuUsage()];
    turns += 1;
  }
  server.close();
  await file.settled();
  assert.ok(turns > 20, `${turns} turns`);
  assert.ok(readFileSync(path).length > 10_000_000);
  reportAttack({
    attack: 'tracker: the state of 200,000 peers is saved',
    figure: 'longest hold of the loop, ms',
    clean: null,
    underAttack: Math.round(longest),
    limit: 100,
  });
  assert.ok(longest <= 100, `${longest} ms`);
});

test('the loop is not held while what is shown of 200,000 torrents with hostile names is asked', OPTIONS, (t) => {
  const torrents = 200_000;
  const about = { name: `漢\u202e${'<&"'.repeat(80)}`, length: 1 << 30 };
  const tracker = new Tracker(
    {
      timers: { now: () => 0, addTask: () => ({ cancel: () => undefined }) },
      random: systemRandom,
      natCheck: { check: () => undefined },
      isAllowed: () => true,
      clientOf: ({ remote }) => remote.host,
      // The first nine of ten that are looked at are private.
      face: {
        version: '1',
        known: (infoHash) => ({ ...about, private: infoHash.readUInt32BE() % 10 !== 9 }),
        page: { style: PAGE_STYLE, write: writeTrackerPage },
      },
      save: () => undefined,
    },
    { ...DEFAULT_TRACKER_OPTIONS, maxTorrents: torrents },
  );
  for (let number = 0; number < torrents; number += 1) {
    const infoHash = Buffer.alloc(20);
    infoHash.writeUInt32BE(number);
    const host = `${20 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}.1`;
    const peer = { infoHash, peerId: randomBytes(20), port: 6881, host, remoteHost: host, complete: false };
    const query = { ...peer, event: null, numwant: 0, key: '', compact: true, withPeerIds: false };
    assert.notEqual(typeof tracker.announce(query, 4, 0), 'string');
  }
  const remote = { host: ATTACKER, port: 1 };
  let longest = 0;
  for (const path of ['/', '/stats.json', '/metrics', '/scrape', '/', '/stats.json', '/metrics', '/scrape']) {
    const [then, used] = [performance.now(), process.cpuUsage()];
    const { body } = tracker.get({ path, query: '', remote, headers: { forwardedFor: [], forwarded: [] } });
    const spent = process.cpuUsage(used);
    const held = Math.min(performance.now() - then, (spent.user + spent.system) / 1000);
    t.diagnostic(`${path}: ${body.length} bytes in ${held.toFixed(1)} ms`);
    longest = Math.max(longest, held);
  }
  reportAttack({
    attack: 'tracker: page, statistics, metrics and scrape of 200,000 torrents with hostile names',
    figure: 'longest hold of the loop, ms',
    clean: null,
    underAttack: Math.round(longest),
    limit: 100,
  });
  assert.ok(longest <= 100, `${longest} ms`);
});

/** 200,000 peers in 1,000 torrents. */
function fullState(): Buffer {
  const table = new TorrentTable(DEFAULT_TRACKER_OPTIONS);
  for (let number = 0; number < DEFAULT_TRACKER_OPTIONS.maxPeers; number += 1) {
    const host = `${20 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}.1`;
    const peer = { source: host, host, port: 6881, compact: Buffer.alloc(6), key: '', lastHit: 0, failedAt: 0 };
    const infoHash = Buffer.alloc(20);
    infoHash.writeUInt32BE(number % 1_000);
    const standing = { complete: false, reachable: 'yes', failedChecks: 0, family: 4 } as const;
    table.add(infoHash, { peerId: randomBytes(20), ...peer, ...standing });
  }
  return encodeState(table);
}
