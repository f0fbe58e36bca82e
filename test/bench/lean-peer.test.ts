import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { leech, Receiver } from '../../bench/lean/lean-leech.js';
import { type LeanSeed, startLeanSeed } from '../../bench/lean/lean-seed.js';
import { BLOCK, CHOKE, encodeHandshake, plainMessage, UNCHOKE } from '../../bench/lean/lean-wire.js';
import { WireImage } from '../../bench/lean/wire-image.js';
import { parseMetainfo } from '../../src/metainfo/parse-metainfo.js';
import { BtgetProcess, LOOPBACK, runBtget } from '../support/btget-process.js';
import { pieceHashes } from '../support/pieces.js';
import { seededRandom } from '../support/simulation/seeded-random.js';
import { splits } from '../support/splits.js';
import { singleFile } from '../support/torrent-bytes.js';

const PIECE_LENGTH = 2 * BLOCK;
// The last piece holds one block and a part of a second one.
const CONTENT = seededRandom(3).bytes(5 * PIECE_LENGTH + BLOCK + 1000);
const TORRENT_BYTES = singleFile({
  length: CONTENT.length,
  'piece length': PIECE_LENGTH,
  pieces: pieceHashes(CONTENT, PIECE_LENGTH),
});
const TORRENT = parseMetainfo(TORRENT_BYTES);

function makeFiles(context: TestContext): { dir: string; torrent: string; image: WireImage } {
  const dir = mkdtempSync(join(tmpdir(), 'btget-lean-'));
  context.after(() => rmSync(dir, { recursive: true, force: true }));
  const torrent = join(dir, 'file.torrent');
  writeFileSync(torrent, TORRENT_BYTES);
  writeFileSync(join(dir, 'file.bin'), CONTENT);
  return { dir, torrent, image: new WireImage(TORRENT, join(dir, 'file.bin')) };
}

async function startSeed(context: TestContext, image: WireImage): Promise<LeanSeed> {
  const seed = await startLeanSeed(TORRENT, image, '-LEAN01-test');
  context.after(() => seed.server.close());
  return seed;
}

test('btget downloads every byte from a lean seed', async (context) => {
  const { dir, torrent, image } = makeFiles(context);
  const seed = await startSeed(context, image);
  const out = join(dir, 'out');
  const ended = await runBtget(context, dir, [torrent, '-d', out, ...LOOPBACK, '--peer', `127.0.0.1:${seed.port}`]);
  assert.equal(ended.code, 0, ended.err);
  assert.ok(readFileSync(join(out, 'file.bin')).equals(CONTENT));
});

test('btget downloads a link from a lean seed with metadata, and the seed tells of the first request', async (context) => {
  const { dir, image } = makeFiles(context);
  let asked = 0;
  const options = {
    info: TORRENT.info,
    queued: 2000,
    asked: () => {
      asked += 1;
    },
  };
  const seed = await startLeanSeed(TORRENT, image, '-LEAN01-test', options);
  context.after(() => seed.server.close());
  const link = `magnet:?xt=urn:btih:${TORRENT.infoHash.toString('hex')}&x.pe=127.0.0.1:${seed.port}`;
  const ended = await runBtget(context, dir, [link, '-d', 'out', ...LOOPBACK]);
  assert.equal(ended.code, 0, ended.err);
  assert.ok(readFileSync(join(dir, 'out', 'file.bin')).equals(CONTENT));
  assert.equal(asked, 1);
});

test('a lean leech gets every byte from btget', async (context) => {
  const { dir, torrent } = makeFiles(context);
  const seed = new BtgetProcess(context, dir, ['seed', torrent, '-d', dir, ...LOOPBACK, '-v']);
  const [, port] = await seed.says(/listening on \S*?:(\d+)[\s\S]*seeding/);
  assert.equal((await leech(TORRENT, { port: Number(port), window: 3, asksAgain: true })).bytes, CONTENT.length);
});

test('a lean leech gets every byte from a lean seed', async (context) => {
  const { image } = makeFiles(context);
  const { port } = await startSeed(context, image);
  assert.equal((await leech(TORRENT, { port, window: 500, asksAgain: true })).bytes, CONTENT.length);
});

test('a lean leech counts each block once, however the stream is cut', (context) => {
  const { image } = makeFiles(context);
  const stream = Buffer.concat([
    encodeHandshake(TORRENT.infoHash, 'seed', true),
    Buffer.from([0, 0, 0, 0]),
    plainMessage(UNCHOKE),
    image.messages(2, 11),
    image.messages(2, 3),
    image.messages(0, 1),
  ]);
  for (const parts of splits(stream, seededRandom(4), 3)) {
    const receiver = new Receiver(TORRENT, { window: 500, asksAgain: true }, () => undefined);
    for (const part of parts) receiver.dataCameIn(part, part.length);
    assert.equal(receiver.received, CONTENT.length);
    assert.ok(receiver.done);
  }
});

test('a lean leech keeps its window full, and asks again for blocks that a choke has dropped', (context) => {
  const { image } = makeFiles(context);
  const asked: number[] = [];
  const receiver = new Receiver(TORRENT, { window: 4, asksAgain: true }, (bytes) => {
    if (bytes.length < 17) return;
    for (let at = 0; at < bytes.length; at += 17)
      asked.push((bytes.readUInt32BE(at + 5) * PIECE_LENGTH + bytes.readUInt32BE(at + 9)) / BLOCK);
  });
  const come = (...messages: Buffer[]): void => {
    const bytes = Buffer.concat(messages);
    receiver.dataCameIn(bytes, bytes.length);
  };
  come(encodeHandshake(TORRENT.infoHash, 'seed', true), plainMessage(UNCHOKE));
  assert.deepEqual(asked.splice(0), [0, 1, 2, 3]);
  come(image.messages(0, 1));
  assert.deepEqual(asked.splice(0), [4, 5]);
  come(image.messages(3, 3));
  assert.deepEqual(asked.splice(0), [6]);
  come(plainMessage(CHOKE));
  assert.deepEqual(asked.splice(0), []);
  come(plainMessage(UNCHOKE));
  assert.deepEqual(asked.splice(0), [2, 4, 5, 6]);
});

test('a lean seed closes the connection after a request that is not for a whole block of the torrent', async (context) => {
  const { image } = makeFiles(context);
  const { port } = await startSeed(context, image);
  const socket = connect(port, '127.0.0.1');
  socket.write(encodeHandshake(TORRENT.infoHash, 'leech', false));
  const request = Buffer.alloc(17);
  request.writeUInt32BE(13, 0);
  request[4] = 6;
  request.writeUInt32BE(BLOCK, 13);
  request.writeUInt32BE(1, 9);
  socket.resume().write(request);
  await once(socket, 'close');
  assert.deepEqual(
    [
      [0, 0, BLOCK],
      [5, BLOCK, 1000],
      [5, BLOCK, BLOCK],
      [0, PIECE_LENGTH, BLOCK],
      [6, 0, BLOCK],
    ].map(([index = 0, begin = 0, length = 0]) => image.blockOf(index, begin, length)),
    [0, 11, undefined, undefined, undefined],
  );
});
