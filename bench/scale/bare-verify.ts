/**
 * `node bare-verify.js FILE`: the least that a program of Node does to check a file by version 2. It starts a thread
 * for each core, reads, and makes the hash tree of each piece of 1 MiB. It knows no torrent and compares nothing, and
 * it shares no code with btget. It prints how many pieces it hashed.
 */
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { hashTree, PIECE } from './bare-tree.js';

/** The bytes from `begin` to `end` − 1 of the file. */
interface Part {
  readonly path: string;
  readonly begin: number;
  readonly end: number;
}

if (isMainThread) measure(process.argv[2] ?? '');
else parentPort?.postMessage(hashPieces(workerData as Part));

function measure(path: string): void {
  const { size } = statSync(path);
  const threads = availableParallelism();
  const each = Math.ceil(size / PIECE / threads) * PIECE;
  let pieces = 0;
  let over = 0;
  for (let thread = 0; thread < threads; thread += 1) {
    const part: Part = { path, begin: thread * each, end: Math.min(size, (thread + 1) * each) };
    new Worker(fileURLToPath(import.meta.url), { workerData: part }).once('message', (count: number) => {
      pieces += count;
      over += 1;
      if (over === threads) console.log(pieces);
    });
  }
}

function hashPieces({ path, begin, end }: Part): number {
  const file = openSync(path, 'r');
  const piece = Buffer.allocUnsafeSlow(PIECE);
  let pieces = 0;
  for (let at = begin; at < end; at += PIECE) {
    const length = readSync(file, piece, 0, Math.min(PIECE, end - at), at);
    if (length === 0) throw new Error(`${path} became shorter`);
    hashTree(piece.subarray(0, length));
    pieces += 1;
  }
  closeSync(file);
  return pieces;
}
