/** `btget serve` by the command line: a player reads a film whose index is at its end. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, openSync, readdirSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { type ClientRequest, get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseMetainfo } from '../../src/metainfo/parse-metainfo.js';
import { createTorrent } from '../../src/session/create-torrent.js';
import { createNodeSession, type NodeSession } from '../../src/session/node-session.js';
import type { AddedTorrent } from '../../src/session/session.js';
import { LOOPBACK } from '../support/btget-process.js';
import { HANGS_AFTER } from '../support/hang.js';

const BTGET = fileURLToPath(new URL('../../package/btget.js', import.meta.url));
const MIB = 1024 * 1024;
const root = mkdtempSync(join(tmpdir(), 'btget-serve-'));
after(() => rmSync(root, { recursive: true }));
const scratch = join(root, 'scratch');
const LENGTH = 320 * MIB;
const INDEX = Buffer.alloc(300_000, 'index ');

let seed: NodeSession;
let seeding: AddedTorrent;
let peer = '';

/** The head of a box of an MP4 file: its length, and its kind. */
function box(length: number, kind: string): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(length);
  head.write(kind, 4, 'latin1');
  return head;
}

before(async () => {
  mkdirSync(join(root, 'source'));
  mkdirSync(scratch);
  const path = join(root, 'source', 'film.mp4');
  const file = openSync(path, 'w');
  writeSync(file, Buffer.concat([box(24, 'ftyp'), Buffer.alloc(16), box(LENGTH - 24 - 8 - INDEX.length, 'mdat')]));
  writeSync(file, Buffer.concat([box(8 + INDEX.length, 'moov'), INDEX]), 0, null, LENGTH - 8 - INDEX.length);
  const bytes = await createTorrent(path, { pieceLength: 262_144 });
  writeFileSync(join(root, 'film.torrent'), bytes);
  seed = createNodeSession({ bind: '127.0.0.1', port: { first: 0, last: 0 }, useDht: false });
  peer = await new Promise((resolve) =>
    seed.listen((outcome) => resolve(outcome.ok ? `127.0.0.1:${outcome.port}` : assert.fail(outcome.failure))),
  );
  const nothing = (): void => undefined;
  await new Promise<void>((resolve, reject) => {
    seeding = seed.addTorrent(
      parseMetainfo(bytes),
      { dir: join(root, 'source'), mode: 'seed', seedGoal: { ratio: null, time: null } },
      {
        ...{ started: nothing, fileDone: nothing, trackerAnswered: nothing, warned: nothing, goalReached: nothing },
        ...{ done: resolve, failed: reject },
      },
    );
  });
});
after(() => new Promise<void>((resolve) => seed.stop(resolve)));

/** Asks for a file from `begin` on, as players do, and reads the answer as it comes. */
class Player {
  readonly #asked: ClientRequest;
  readonly #chunks: Promise<AsyncIterator<Buffer>>;
  #rest = Buffer.alloc(0);

  constructor(url: string, begin: number) {
    this.#asked = get(url, { agent: false, headers: { Range: `bytes=${begin}-` } });
    this.#chunks = new Promise((resolve, reject) => {
      this.#asked.once('response', (response) => resolve(response[Symbol.asyncIterator]()));
      this.#asked.on('error', reject);
    });
  }

  /** The next bytes, `length` of them. */
  async read(length: number): Promise<Buffer> {
    const chunks = await this.#chunks;
    while (this.#rest.length < length) {
      const { value, done } = await chunks.next();
      assert.ok(done !== true, 'the answer ends');
      this.#rest = Buffer.concat([this.#rest, value]);
    }
    const bytes = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    return bytes;
  }

  hangUp(): void {
    this.#asked.on('error', () => undefined);
    this.#asked.destroy();
  }
}

describe('serve', { timeout: HANGS_AFTER }, () => {
  it('lets a player find an index at the end and seek, within a tenth of the pieces, and ends with Ctrl-C', async () => {
    const child = spawn(process.execPath, [BTGET, 'serve', join(root, 'film.torrent'), '--peer', peer, ...LOOPBACK], {
      env: { ...process.env, TMPDIR: scratch, XDG_CACHE_HOME: root },
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: root,
    });
    let err = '';
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk;
    });
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    const url = await new Promise<string>((resolve) => child.stdout.once('data', (line) => resolve(`${line}`.trim())));
    // As ffprobe does: it reads boxes from the begin, jumps over the content, and reads the index.
    const first = new Player(url, 0);
    const head = await first.read(40);
    assert.equal(head.toString('latin1', 4, 8), 'ftyp');
    first.hangUp();
    const second = new Player(url, 24 + head.readUInt32BE(24));
    assert.equal((await second.read(8)).toString('latin1', 4), 'moov');
    assert.ok((await second.read(INDEX.length)).equals(INDEX));
    second.hangUp();
    // Then it looks into the middle.
    const third = new Player(url, 160 * MIB);
    assert.ok((await third.read(65_536)).equals(Buffer.alloc(65_536)));
    third.hangUp();
    const { uploaded } = seeding.status();
    assert.ok(uploaded < LENGTH / 10, `${uploaded}`);
    // Two at two places.
    const players = [new Player(url, 50 * MIB), new Player(url, 250 * MIB)];
    for (const player of players) await player.read(MIB);
    for (const player of players) player.hangUp();
    assert.deepEqual(readdirSync(scratch), []);
    child.kill('SIGINT');
    assert.equal(await ended, 0);
    assert.match(err, /^(stopping[^\n]*\n)?$/);
    await assert.rejects(new Player(url, 0).read(1));
  });
});
