/** A download is cut off in the midst of long pieces: which of their blocks count in the next run, and who is to blame. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BLOCK_LENGTH } from '../../src/metainfo/piece-layout.js';
import { encodeHead, encodeRecords, type JournalRecord, lastSeal, sumOf } from '../../src/resume/journal-format.js';
import { readJournal } from '../../src/resume/read-journal.js';
import type { TorrentOptions } from '../../src/torrent/torrent-options.js';
import type { DiskImage } from '../support/fakes/memory-storage.js';
import { sampleTorrent } from '../support/sample-torrent.js';
import { type Client, type ClientOptions, SimulatedSwarm } from '../support/simulation/simulated-swarm.js';

const KIB = 1024;
const SAMPLE = sampleTorrent(
  [
    { path: 't/a.bin', length: 1_500 * KIB },
    { path: 't/b.bin', length: 600 * KIB },
  ],
  1024 * KIB,
);
const { metainfo, layout, content } = SAMPLE;
const OWNER = { infoHash: metainfo.infoHash, pieceCount: metainfo.pieceCount, fileCount: metainfo.files.length };
const SLOW: Partial<ClientOptions> = { session: { maxDownload: 100 * KIB } };
/** What may be under way when a download is cut off. */
const UNDER_WAY = 96 * KIB;

type Left = Pick<ClientOptions, 'image' | 'journal'>;

interface Run {
  readonly left: Left;
  /** Bytes that came in this run. */
  readonly downloaded: number;
  readonly client: Client;
  readonly swarm: SimulatedSwarm;
}

interface How {
  readonly found?: Left;
  readonly torrent?: Partial<TorrentOptions>;
  readonly client?: Partial<ClientOptions>;
  readonly kills?: boolean;
}

/** Downloads from two seeds for `span`, or to its end when that is null, and is interrupted or killed. */
function run(span: number | null, { found, torrent = {}, client = {}, kills = false }: How = {}): Run {
  const swarm = new SimulatedSwarm(SAMPLE, 5);
  swarm.start({ seed: true });
  swarm.start({ seed: true });
  const options = { ...SLOW, ...client, torrent: { seedGoal: null, ...torrent } };
  const leech = swarm.start({ ...options, ...found });
  if (span === null) swarm.timeline.runUntil(() => leech.done, 120_000);
  else swarm.timeline.run(span);
  const { downloaded } = leech.torrent.status();
  const killed = { image: leech.storage.image(null), journal: leech.journal.image(null) };
  swarm.stop();
  const left = kills ? killed : { image: leech.storage.image(null), journal: leech.journal.image(null) };
  return { left, downloaded, client: leech, swarm };
}

function assertWhole({ client, swarm }: Run): void {
  assert.ok(client.storage.contents().equals(content));
  assert.equal(client.journal.image(null), null);
  assert.deepEqual(
    [...client.torrent.refusals.keys()].filter((code) => code !== 'shutting-down' && code !== 'both-complete'),
    [],
  );
  assert.doesNotMatch(swarm.log.join('\n'), /warning|failed/);
}

function blocksIn({ journal }: Left): number {
  const contents = journal == null ? null : readJournal(journal.bytes, OWNER);
  return [...(contents?.blocks ?? [])].reduce((sum, [, sums]) => sum + sums.size, 0);
}

/** What was left, with `bytes` in a block of the first file, and perhaps a journal that says so. */
function withBlock({ image, journal }: Left, block: number, bytes: Buffer, says: boolean): Left {
  const files = (image as DiskImage).files.map((file, index) => {
    if (index !== 0 || file.part === null) return file;
    const changed = Buffer.from(file.part.bytes);
    bytes.copy(changed, block * BLOCK_LENGTH);
    const length = Math.max(file.part.length, block * BLOCK_LENGTH + bytes.length);
    return { ...file, part: { ...file.part, bytes: changed, length } };
  });
  const found = { image: { ...(image as DiskImage), files } };
  if (journal == null) return { ...found, journal: null };
  const contents = readJournal(journal.bytes, OWNER);
  assert.ok(contents !== null);
  const sums = new Map(contents.blocks.get(0));
  if (says) sums.set(block, sumOf(bytes));
  const head = encodeHead(OWNER, Buffer.alloc(8, 5));
  const records: JournalRecord[] = [
    { kind: 'files', files: contents.files },
    { kind: 'blocks', piece: 0, sums },
    { kind: 'end' },
  ];
  return { ...found, journal: { ...journal, bytes: Buffer.concat([head, encodeRecords(lastSeal(head), records)]) } };
}

/** An interrupt in the midst of the first piece. */
function inFirstPiece(how: How = {}): Run {
  const first = run(8_000, { ...how, torrent: { sequential: true, ...how.torrent } });
  assert.ok(first.downloaded > 600 * KIB && first.downloaded < 1000 * KIB, `${first.downloaded}`);
  return first;
}

/** What was left, copied: each file has the bytes that it had, and is another one to the system. */
function copyOfLeft({ image, journal }: Left, change: (bytes: Buffer) => void = () => undefined): Left {
  const files = (image as DiskImage).files.map(({ part, final }) => {
    if (part !== null) change(part.bytes);
    const copied = part === null ? null : { ...part, inode: part.inode + 100n, bornAt: part.bornAt + 100n };
    return { part: copied, final };
  });
  return { journal: journal ?? null, image: { ...(image as DiskImage), files } };
}

for (const [name, how] of [
  ['', {}],
  [', without part names', { torrent: { partNames: false } }],
] as const) {
  test(`what is copied to another disk before its first piece is whole goes on there${name}`, () => {
    const first = inFirstPiece(how);
    assert.ok(blocksIn(first.left) > 40);
    const second = run(null, { ...how, found: copyOfLeft(first.left) });
    assertWhole(second);
    assert.ok(first.downloaded + second.downloaded < content.length + UNDER_WAY);
  });
}

test('another file with the name of a part that is not whole is a stranger’s, whatever the journal says', () => {
  const { left } = inFirstPiece();
  for (const change of [(bytes: Buffer) => bytes.fill(7), (bytes: Buffer) => bytes.fill(0).write('mine', 100 * KIB)]) {
    const { client, swarm } = run(8_000, { found: copyOfLeft(left, change) });
    assert.match(swarm.log.join('\n'), /exists and shares nothing with the torrent/);
    assert.equal(client.torrent.status().downloaded, 0);
  }
});

for (const [name, how] of [
  ['', {}],
  [', whose pieces are too long for memory', { client: { maxSlotLength: 512 * KIB } }],
  [', whose files have no part names', { torrent: { partNames: false } }],
  [', whose room was taken before', { torrent: { preallocate: true } }],
  [', which hashes everything', { torrent: { check: true } }],
] as const satisfies readonly (readonly [string, How])[])
  test(`after an interrupt in the midst of a piece a download${name} goes on with the next block`, () => {
    const first = inFirstPiece(how);
    const rest = run(null, { ...how, found: first.left });
    assertWhole(rest);
    const again = first.downloaded + rest.downloaded - content.length;
    assert.ok(again >= 0 && again <= UNDER_WAY, `${again / KIB} KiB came twice`);
  });

test('taking the room for the rest spares the blocks that are there', () => {
  const first = inFirstPiece();
  const rest = run(null, { found: first.left, torrent: { preallocate: true } });
  assertWhole(rest);
  assert.ok(first.downloaded + rest.downloaded <= content.length + UNDER_WAY);
});

test('zeros that take the room are no blocks', () => {
  const sample = sampleTorrent([{ path: 't', length: 20 * BLOCK_LENGTH }], BLOCK_LENGTH);
  const swarm = new SimulatedSwarm(sample, 5);
  const leech = swarm.start({ torrent: { preallocate: true } });
  swarm.timeline.run(3_000);
  swarm.stop();
  const { infoHash, pieceCount } = sample.metainfo;
  const journal = leech.journal.image(null);
  assert.ok(journal !== null);
  assert.deepEqual(readJournal(journal.bytes, { infoHash, pieceCount, fileCount: 1 })?.blocks, new Map());
});

test('a kill costs a second of blocks that went to the disk as they came, and no more', () => {
  const how = { client: { maxSlotLength: 512 * KIB } };
  const first = run(8_000, { ...how, kills: true });
  const rest = run(null, { ...how, found: first.left });
  assertWhole(rest);
  const again = first.downloaded + rest.downloaded - content.length;
  assert.ok(again <= 100 * KIB + UNDER_WAY, `${again / KIB} KiB came twice`);
});

test('a kill soon after the start does not cost the blocks of the run before', () => {
  const first = inFirstPiece();
  const known = blocksIn(first.left);
  assert.ok(known >= 30, `${known}`);
  const second = run(20, { found: first.left, kills: true });
  assert.equal(second.downloaded, 0);
  assert.equal(blocksIn(second.left), known);
  const rest = run(null, { found: second.left });
  assertWhole(rest);
  assert.ok(first.downloaded + rest.downloaded <= content.length + UNDER_WAY);
});

test('interrupted again and again it comes to its end, and nothing but what was under way comes twice', () => {
  let found: Left | undefined;
  let downloaded = 0;
  let runs = 0;
  for (; (found === undefined || found.journal !== null) && runs < 50; runs += 1) {
    const next: Run = run(2_500, { ...(found === undefined ? {} : { found }) });
    found = next.left;
    downloaded += next.downloaded;
    if (next.client.done) assertWhole(next);
  }
  assert.ok(runs >= 8, `${runs} runs`);
  assert.ok(downloaded <= content.length + runs * UNDER_WAY, `${downloaded / KIB} KiB in ${runs} runs`);
});

test('a block that was changed meanwhile is fetched again, and no other', () => {
  const first = inFirstPiece();
  const rest = run(null, { found: withBlock(first.left, 3, Buffer.alloc(BLOCK_LENGTH, 9), false) });
  assertWhole(rest);
  const again = first.downloaded + rest.downloaded - content.length;
  assert.ok(again >= BLOCK_LENGTH && again <= UNDER_WAY + BLOCK_LENGTH, `${again / KIB} KiB came twice`);
});

test('a wrong block of which the journal says that it is there costs its piece once, and no peer is to blame', () => {
  for (const maxSlotLength of [1024 * KIB, 512 * KIB]) {
    const first = inFirstPiece({ client: { maxSlotLength } });
    const found = withBlock(first.left, 3, Buffer.alloc(BLOCK_LENGTH, 9), true);
    const rest = run(null, { found, client: { maxSlotLength } });
    assertWhole(rest);
    const onDisk = blocksIn(first.left) * BLOCK_LENGTH;
    assert.equal(rest.downloaded, content.length, `the ${onDisk / KIB} KiB that were there, and the rest once`);
  }
});

test('a piece of which every block is there is hashed, and kept or fetched again', () => {
  for (const wrong of [false, true]) {
    const { left } = inFirstPiece();
    const piece = Buffer.from(SAMPLE.bytesOf(0));
    if (wrong) piece.fill(1, 0, 10);
    let found = left;
    for (let block = 0; block < layout.blockCount(SAMPLE.piece(0)); block += 1)
      found = withBlock(found, block, piece.subarray(block * BLOCK_LENGTH, (block + 1) * BLOCK_LENGTH), true);
    const rest = run(null, { found });
    assertWhole(rest);
    assert.equal(rest.downloaded, wrong ? content.length : content.length - 1024 * KIB);
  }
});

test('a selection goes on with the blocks of its own pieces, and leaves out those that files share', () => {
  const torrent = { selection: { select: ['1'], exclude: [], ranges: null } };
  const first = inFirstPiece({ torrent });
  const rest = run(null, { torrent, found: first.left });
  assert.ok(rest.client.storage.finalBytes(0)?.equals(SAMPLE.fileBytes(0)));
  const wanted = 2048 * KIB;
  assert.ok(first.downloaded + rest.downloaded <= wanted + UNDER_WAY);
  const second = run(16_000, { torrent: { ...torrent, sequential: true } });
  assert.ok(second.downloaded > 1200 * KIB, `${second.downloaded}`);
  const last = run(null, { torrent, found: second.left });
  assert.ok(last.client.storage.finalBytes(0)?.equals(SAMPLE.fileBytes(0)));
  assert.equal(last.downloaded, 1024 * KIB, 'the shared piece as a whole');
});
