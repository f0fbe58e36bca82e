/**
 * Reads blocklists in a thread, so that hundreds of thousands of lines do not hold the event loop. The ranges come over
 * as arrays that are handed from thread to thread, not copied.
 */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type MessagePort, Worker } from 'node:worker_threads';
import { createGunzip } from 'node:zlib';
import { systemCode } from '../base/failure.js';
import { readGivenFile } from '../base/system-given-file.js';
import type { RangeTables } from './address-ranges.js';
import { BlocklistParser, type ListReport, MAX_RANGES } from './blocklist-parser.js';

/** Where a list lies: in a file, or in memory because it was fetched. */
export type ListInput = { readonly path: string } | { readonly bytes: Uint8Array<ArrayBuffer> };

/** What came of all lists together; or the number of the first that cannot be used, from 0, and why not. */
export type ListsOutcome =
  | { readonly ok: true; readonly tables: RangeTables; readonly reports: readonly ListReport[] }
  | { readonly ok: false; readonly list: number; readonly message: string };

/** Bytes of one list, unpacked. */
const MAX_LIST_LENGTH = 256 * 1024 * 1024;

/**
 * Reads the lists and merges their ranges. The bytes in `inputs` belong to the thread from now on. Answers once, later;
 * never after `cancel()`. Only a bug of ours is told to `broke`.
 */
export function readListsInThread(
  inputs: readonly ListInput[],
  answered: (outcome: ListsOutcome) => void,
  broke: (error: Error) => void,
): { cancel(): void } {
  const thread = new Worker(new URL('./node-blocklist-worker.js', import.meta.url), {
    workerData: inputs,
    transferList: inputs.flatMap((input) => ('bytes' in input ? [input.bytes.buffer] : [])),
    // The thread makes no objects of the lines, so little memory does for it.
    resourceLimits: { maxYoungGenerationSizeMb: 2 },
  });
  let isOver = false;
  const end = (tell: () => void): void => {
    if (isOver) return;
    isOver = true;
    void thread.terminate();
    tell();
  };
  thread.on('message', (outcome: ListsOutcome) => end(() => answered(outcome)));
  thread.on('error', (error) => end(() => broke(error)));
  thread.on('exit', (code) => end(() => broke(new Error(`the thread that reads blocklists ended with code ${code}`))));
  return { cancel: () => end(() => undefined) };
}

/** Runs in the thread. */
export async function serveLists(port: MessagePort, inputs: readonly ListInput[]): Promise<void> {
  const outcome = await readLists(inputs);
  if (!outcome.ok) port.postMessage(outcome);
  else {
    const { firsts, lasts, ipv6 } = outcome.tables;
    port.postMessage(outcome, [firsts.buffer, lasts.buffer, ipv6.buffer]);
  }
  port.close();
}

/** As `readListsInThread`, in this thread. */
export async function readLists(inputs: readonly ListInput[]): Promise<ListsOutcome> {
  const parser = new BlocklistParser();
  const reports: ListReport[] = [];
  for (const input of inputs) {
    try {
      await feed(parser, input);
    } catch (error) {
      return { ok: false, list: reports.length, message: explain(error) };
    }
    const report = parser.endList();
    // An empty list is what a fetch that failed, or a full disk, leaves behind.
    if (report.ranges === 0)
      return { ok: false, list: reports.length, message: `no line names a range of addresses; is it a blocklist?` };
    reports.push(report);
  }
  return { ok: true, tables: parser.tables(), reports };
}

/** Why a list cannot be used. */
class Unusable extends Error {}

async function feed(parser: BlocklistParser, input: ListInput): Promise<void> {
  const chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array> =
    'path' in input ? readGivenFile(input.path) : [input.bytes];
  const iterator = beginAgain(chunks);
  const { value: head } = await iterator.next();
  if (head !== undefined && startsWith(head, [0x50, 0x4b, 0x03, 0x04]))
    throw new Unusable('it is a zip archive; unpack it first');
  const isGzip = head !== undefined && startsWith(head, [0x1f, 0x8b]);
  // A pipeline that its end breaks off fails with an error of its own, so the reason is kept.
  let reason: string | null = null;
  const parse = async (unpacked: AsyncIterable<Uint8Array>): Promise<void> => {
    let length = 0;
    for await (const chunk of unpacked) {
      length += chunk.length;
      if (length > MAX_LIST_LENGTH) reason = 'it is longer than 256 MiB';
      else parser.feed(chunk);
      if (parser.isFull) reason = `there are more than ${MAX_RANGES} ranges`;
      if (reason !== null) return;
    }
  };
  try {
    if (isGzip) await pipeline(Readable.from(copied(iterator)), createGunzip({ chunkSize: 64 * 1024 }), parse);
    else await parse(iterator);
  } catch (error) {
    if (reason === null) throw error;
  }
  if (reason !== null) throw new Unusable(reason);
}

/** A stream asks for parts before it has used up the last one. */
async function* copied(parts: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const part of parts) yield Buffer.from(part);
}

const NOTHING = new Uint8Array(0);

/** First the beginning, four bytes or more if there are as many; then the same bytes again, and all others. */
async function* beginAgain(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let head: Uint8Array | null = null;
  let isTold = false;
  for await (const chunk of chunks) {
    if (isTold) {
      yield chunk;
      continue;
    }
    head = Buffer.concat([head ?? NOTHING, chunk]);
    if (head.length < 4) continue;
    isTold = true;
    yield head;
    yield head;
  }
  if (isTold || head === null) return;
  yield head;
  yield head;
}

function startsWith(bytes: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((byte, at) => bytes[at] === byte);
}

const EXPLANATIONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  ENOTDIR: 'no such file',
  EISDIR: 'it is a folder',
  Z_BUF_ERROR: 'it ends too early for a gzip file',
  Z_DATA_ERROR: 'its gzip data is damaged',
};

/** Throws what is neither the list's fault nor the system's. */
function explain(error: unknown): string {
  if (error instanceof Unusable) return error.message;
  const code = systemCode(error);
  if (code === undefined) throw error;
  return EXPLANATIONS[code] ?? `cannot be read: ${code}`;
}
