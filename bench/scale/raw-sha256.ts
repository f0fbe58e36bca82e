/**
 * `node raw-sha256.js FILE`: the SHA-256 of a file in as many parts as there are cores, each in a thread of its own. It
 * prints the seconds from when all threads were ready to when all were done, as JSON: what hashing alone takes.
 */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

/** The bytes from `begin` to `end` − 1 of the file. */
interface Part {
  readonly path: string;
  readonly begin: number;
  readonly end: number;
}

// As btget reads: the bytes are still in the core's cache when they are hashed.
const READ_LENGTH = 256 * 1024;

if (isMainThread) await measure(process.argv[2] ?? '');
else parentPort?.once('message', () => parentPort?.postMessage(hash(workerData as Part))).postMessage('ready');

async function measure(path: string): Promise<void> {
  const length = statSync(path).size;
  const threads = availableParallelism();
  const each = Math.ceil(length / threads);
  const workers = Array.from({ length: threads }, (_, thread) => {
    const part: Part = { path, begin: thread * each, end: Math.min(length, (thread + 1) * each) };
    return new Worker(fileURLToPath(import.meta.url), { workerData: part });
  });
  const heard = (): Promise<unknown> =>
    Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))));
  await heard();
  const began = performance.now();
  for (const worker of workers) worker.postMessage('go');
  await heard();
  console.log(JSON.stringify({ wall: (performance.now() - began) / 1000 }));
}

function hash({ path, begin, end }: Part): string {
  const file = openSync(path, 'r');
  const bytes = Buffer.allocUnsafeSlow(READ_LENGTH);
  const digest = createHash('sha256');
  for (let at = begin; at < end; ) {
    const count = readSync(file, bytes, 0, Math.min(READ_LENGTH, end - at), at);
    if (count === 0) throw new Error(`${path} became shorter`);
    digest.update(bytes.subarray(0, count));
    at += count;
  }
  closeSync(file);
  return digest.digest('hex');
}
