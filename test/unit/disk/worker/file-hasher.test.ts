import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { sha1, sha256 } from '../../../../src/base/digest.js';
import type { HashAnswer, HashJob, HashSource } from '../../../../src/disk/protocol.js';
import { type FileOperations, systemFileOperations } from '../../../../src/disk/system/operations.js';
import { hereWorker, systemError } from '../../../support/disk/disk-worker.js';
import { seededRandom } from '../../../support/simulation/seeded-random.js';

const KIB = 1024;
const BLOCK = 16 * KIB;

describe('the digests of bytes in files', () => {
  let dir = '';
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'btget-digests-'));
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  const fileOf = (name: string, bytes: Buffer): HashSource => {
    const path = join(dir, name);
    writeFileSync(path, bytes);
    return { kind: 'file', places: [{ root: null, path, id: null }], begin: 0, length: bytes.length };
  };
  const hashed = async (job: HashJob, operations: Partial<FileOperations> = {}) => {
    const worker = hereWorker(operations);
    const told = await worker.ask('hash', { jobs: [job] });
    await worker.ask('end', {});
    assert.ok(told.ok);
    const [answer] = told.value as readonly HashAnswer[];
    assert.equal(answer?.kind, 'hashed');
    const { hashes, roots, leaves } = answer as HashAnswer & { kind: 'hashed' };
    return [hashes, roots, leaves].map((bytes) => Buffer.from(bytes).toString('hex'));
  };
  /** What a job should give, in the plainest words that the format allows. */
  const expected = (content: Buffer, zeros: number, { pieceLength, sha1: wantsSha1, tree }: HashJob) => {
    const all = Buffer.concat([content, Buffer.alloc(zeros)]);
    const hashes = parts(all, pieceLength).map((piece) => sha1(piece));
    const trees = parts(content, pieceLength).map((piece) => parts(piece, BLOCK).map((block) => sha256(block)));
    const roots = trees.map((leaves) => rootOf([...leaves], tree?.width ?? 1));
    return [wantsSha1 ? hashes : [], tree === null ? [] : roots, tree?.leaves === true ? trees.flat() : []].map(
      (list) => Buffer.concat(list).toString('hex'),
    );
  };

  it('are those that the job wants, for any file, padding and piece length', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          length: fc.oneof(
            fc.integer({ min: 1, max: 100 * KIB }),
            fc.constantFrom(BLOCK, 2 * BLOCK, 4 * BLOCK, 300 * KIB),
          ),
          blocks: fc.constantFrom(1, 2, 4),
          pads: fc.boolean(),
          wantsSha1: fc.boolean(),
          tree: fc.constantFrom('none', 'roots', 'leaves'),
          count: fc.constantFrom(0, 1000, BLOCK - 1),
        }),
        async ({ length, blocks, pads, wantsSha1, tree, count }) => {
          const content = seededRandom(length).bytes(length);
          const pieceLength = blocks * BLOCK;
          const zeros = pads ? (pieceLength - (length % pieceLength)) % pieceLength : 0;
          const width = length > pieceLength ? blocks : 2 ** Math.ceil(Math.log2(Math.ceil(length / BLOCK)));
          const job: HashJob = {
            sources: [fileOf('file', content), { kind: 'zeros', length: zeros }],
            pieceLength,
            sha1: wantsSha1 || tree === 'none',
            tree: tree === 'none' ? null : { width, leaves: tree === 'leaves' },
          };
          const { read } = systemFileOperations;
          // A read may give less than it is asked for.
          const short: FileOperations['read'] = (descriptor, into, most, position) =>
            read(descriptor, into, count === 0 ? most : Math.min(most, count), position);
          assert.deepEqual(await hashed(job, { read: short }), expected(content, zeros, job));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('pad the tree of a short file no further than it needs', async () => {
    const content = seededRandom(3).bytes(2 * BLOCK + 1);
    const leaves = parts(content, BLOCK).map((block) => sha256(block));
    const [one, two, three] = leaves as [Buffer, Buffer, Buffer];
    const right = sha256(Buffer.concat([three, Buffer.alloc(32)]));
    const root = sha256(Buffer.concat([sha256(Buffer.concat([one, two])), right]));
    const job = { sources: [fileOf('short', content)], pieceLength: 64 * BLOCK, sha1: false };
    assert.deepEqual(await hashed({ ...job, tree: { width: 4, leaves: false } }), ['', root.toString('hex'), '']);
  });

  it('fail with a file that cannot be read, unless it is not selected: then its bytes are missing', async () => {
    const file = fileOf('refused', Buffer.alloc(10)) as HashSource & { kind: 'file' };
    const refused = (): never => {
      throw systemError('EACCES', 'open');
    };
    for (const calls of [{ open: refused }, { read: refused }]) {
      const job = { pieceLength: BLOCK, sha1: true, tree: null };
      const worker = hereWorker(calls);
      const told = await worker.ask('hash', {
        jobs: [
          { ...job, sources: [file] },
          { ...job, sources: [{ ...file, isUnselected: true }] },
        ],
      });
      await worker.ask('end', {});
      assert.ok(told.ok);
      const [selected, unselected] = told.value as readonly HashAnswer[];
      assert.equal(selected?.kind, 'failed');
      assert.deepEqual(unselected, { kind: 'missing', path: join(dir, 'refused'), isUnreadable: true });
    }
  });
});

function parts(bytes: Buffer, length: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / length) }, (_, at) =>
    bytes.subarray(at * length, (at + 1) * length),
  );
}

function rootOf(leaves: Buffer[], width: number): Buffer {
  let nodes = [...leaves, ...Array.from({ length: width - leaves.length }, () => Buffer.alloc(32))];
  while (nodes.length > 1) nodes = parts(Buffer.concat(nodes), 64).map((pair) => sha256(pair));
  return nodes[0] as Buffer;
}
