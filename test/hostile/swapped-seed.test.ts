/** Another user may write to a seed's folder, and swaps what is served for links to a secret file. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseMetainfo } from '../../src/metainfo/parse-metainfo.js';
import { encodeHandshake } from '../../src/wire/handshake.js';
import { encodeMessage } from '../../src/wire/message.js';
import { encodeReserved } from '../../src/wire/reserved.js';
import { btget, btgetEnds, HOSTS, Program } from '../live/support.js';
import { scratch } from '../support/disk/scratch.js';
import { writeNoise } from '../support/noise.js';
import { reportAttack } from './report.js';

const SWAPPER = fileURLToPath(new URL('swap-loop.js', import.meta.url));
const BLOCK = 16 * 1024;
/** More than stay open for reading, each of one piece. */
const FILES = 150;
/** The peer asks for each block so many times, on the whole. */
const ROUNDS = 20;
const PATIENCE = 30_000;
const HANDSHAKE_LENGTH = 68;
const PIECE = 7;
const UNCHOKE = 1;

interface Served {
  right: number;
  foreign: number;
}

/** A peer that asks for blocks by chance, one of each file, and looks at what comes. It dials again when it has to. */
class AskingPeer {
  readonly served: Served = { right: 0, foreign: 0 };
  readonly ended: Promise<void>;
  readonly #port: number;
  readonly #infoHash: Buffer;
  readonly #content: readonly Buffer[];
  #socket: Socket | null = null;
  #isOver = false;
  #end: () => void = () => undefined;

  constructor(test: TestContext, port: number, infoHash: Buffer, content: readonly Buffer[]) {
    this.#port = port;
    this.#infoHash = infoHash;
    this.#content = content;
    this.ended = new Promise((resolve) => {
      const timer = setTimeout(resolve, PATIENCE);
      this.#end = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    test.after(() => this.stop());
    this.#dial();
  }

  stop(): void {
    this.#isOver = true;
    this.#socket?.destroy();
    this.#end();
  }

  #dial(): void {
    if (this.#isOver) return;
    const socket = connect({ host: HOSTS.btget, port: this.#port, localAddress: HOSTS.other });
    this.#socket = socket;
    let bytes = Buffer.alloc(0);
    let begun = false;
    socket.on('connect', () => {
      socket.write(encodeHandshake(this.#infoHash, Buffer.from('-XX0001-asks--------'), encodeReserved([])));
      socket.write(encodeMessage({ type: 'interested' }));
    });
    socket.on('data', (data) => {
      bytes = Buffer.concat([bytes, data]);
      if (!begun && bytes.length >= HANDSHAKE_LENGTH) {
        begun = true;
        bytes = bytes.subarray(HANDSHAKE_LENGTH);
      }
      while (begun && bytes.length >= 4 && bytes.length >= 4 + bytes.readUInt32BE(0)) {
        const frame = bytes.subarray(4, 4 + bytes.readUInt32BE(0));
        bytes = bytes.subarray(4 + frame.length);
        this.#gotFrame(socket, frame);
      }
    });
    socket.on('error', () => undefined);
    socket.on('close', () => setTimeout(() => this.#dial(), 20));
  }

  #gotFrame(socket: Socket, frame: Buffer): void {
    if (frame[0] === UNCHOKE) for (let count = 0; count < 8; count += 1) this.#ask(socket);
    if (frame[0] !== PIECE) return;
    const piece = frame.readUInt32BE(1);
    if (frame.subarray(9).equals(this.#content[piece] ?? Buffer.alloc(0))) this.served.right += 1;
    else this.served.foreign += 1;
    if (this.served.right + this.served.foreign >= FILES * ROUNDS) this.stop();
    else this.#ask(socket);
  }

  #ask(socket: Socket): void {
    const piece = Math.floor(Math.random() * FILES);
    socket.write(encodeMessage({ type: 'request', piece, begin: 0, length: BLOCK }));
  }
}

const NAMES = Array.from({ length: FILES }, (_, at) => `${String(at).padStart(3, '0')}.bin`);

const ATTACKS: Readonly<Record<string, (at: (path: string) => string) => string[]>> = {
  'the folder of the files': (at) => [at('seed/data/in/deep'), at('secret/in/deep')],
  'a folder in the middle': (at) => [at('seed/data/in'), at('secret/in')],
  'the folder of the torrent': (at) => [at('seed/data'), at('secret')],
  'some files': (at) =>
    NAMES.slice(0, 5).flatMap((name) => [at(`seed/data/in/deep/${name}`), at('secret/in/deep/000.bin')]),
};

for (const [what, pairs] of Object.entries(ATTACKS)) {
  test(`of a seed no foreign byte is served while ${what} is swapped for a link`, { timeout: 120_000 }, async (t) => {
    const dir = scratch(t);
    const at = (path: string): string => join(dir, path);
    writeNoise(at('seed/data/in/deep'), Object.fromEntries(NAMES.map((name) => [name, BLOCK])));
    mkdirSync(at('secret/in/deep'), { recursive: true });
    for (const name of NAMES) writeFileSync(at(`secret/in/deep/${name}`), Buffer.alloc(BLOCK, 's'));
    await btgetEnds(t, 0, 'create', at('seed/data'), '-o', at('data.torrent'), '--piece-length', '16K');
    const metainfo = parseMetainfo(readFileSync(at('data.torrent')));
    const content = metainfo.files.map(({ path }) => readFileSync(join(at('seed'), ...path)));
    const seed = btget(t, 'seed', at('data.torrent'), '-d', at('seed'), '--bind', HOSTS.btget, '--no-trackers');
    const port = await seed.until((output) => /listening on \S*?:(\d+)[\s\S]*seeding/.exec(output)?.[1]);
    const swapper = new Program(t, process.execPath, [SWAPPER, ...pairs(at)]);
    await swapper.until((output) => /swapping/.exec(output));
    const peer = new AskingPeer(t, Number(port), metainfo.infoHash, content);
    await peer.ended;
    peer.stop();
    const { right, foreign } = peer.served;
    reportAttack({
      attack: `somebody swaps ${what} of a seed for a link to a secret while a peer asks (${right} right blocks)`,
      figure: 'foreign blocks that arrive',
      clean: null,
      underAttack: foreign,
      limit: 0,
    });
    assert.equal(foreign, 0);
    assert.ok(right > 0, 'what is right is served meanwhile');
    assert.equal(swapper.child.exitCode, null, `${swapper.stdout}${swapper.stderr}`);
    // It must be gone before the folder is removed.
    swapper.child.kill('SIGKILL');
    await swapper.ended;
    assert.match(seed.stdout + seed.stderr, /it is a (symbolic )?link|somebody has replaced|it is not there/);
    seed.child.kill('SIGINT');
    assert.equal(await seed.endsWithin(10_000), 0);
  });
}
