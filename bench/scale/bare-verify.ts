/**
 * `node bare-verify.js FILE`: the least that a program of Node does to check a file by version 2. It starts a thread
 * for each core, reads, and makes the hash tree of each piece of 1 MiB. It knows no torrent and compares nothing, and
 * it shares no code with btget. It prints how many pieces it hashed.
 */
import { hash } from 'node:crypto';
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const PIECE = 1024 * 1024;
const BLOCK = 16 * 1024;
const NODE = 32;

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
  const nodes = Buffer.allocUnsafeSlow((PIECE / BLOCK) * NODE);
  let pieces = 0;
  for (let at = begin; at < end; at += PIECE) {
    const length = readSync(file, piece, 0, Math.min(PIECE, end - at), at);
    if (length === 0) throw new Error(`${path} became shorter`);
    nodes.fill(0);
    let count = 0;
    for (let block = 0; block < length; block += BLOCK) {
      put(piece.subarray(block, Math.min(length, block + BLOCK)), nodes, count);
      count += 1;
    }
    for (let width = PIECE / BLOCK; width > 1; width /= 2)
      for (let pair = 0; pair < width; pair += 2) put(nodes.subarray(pair * NODE, (pair + 2) * NODE), nodes, pair / 2);
    pieces += 1;
  }
  closeSync(file);
  return pieces;
}

function put(bytes: Buffer, nodes: Buffer, node: number): void {
  nodes.write(hash('sha256', bytes, 'binary'), node * NODE, 'latin1');
}
