/**
 * The parser for a process that must not wait. A thread parses a torrent of very many files and sends the result in
 * parts, so that parsing never holds the event loop for long.
 */
import { type MessagePort, Worker } from 'node:worker_threads';
import { bufferOf } from '../base/bytes.js';
import { BtgetError, type FailureCode } from '../base/failure.js';
import { infoHashV1, infoHashV2 } from './info-hash.js';
import type { Metainfo, TorrentFile } from './metainfo.js';
import { type PackedFiles, packFiles, unpackFiles } from './packed-files.js';
import { parseMetainfo } from './parse-metainfo.js';
import { type ParseOutcome, type ParseTorrent, type Parsing, parseAtOnce } from './parsing.js';

/** For a torrent of more files than this, a thread is worth the time that it takes to start. */
const MANY_FILES = 2000;
/** How many files the thread sends in one message. */
const FILES_A_MESSAGE = 2000;
/** The bencoded keys that occur once in each file of a folder's list, and of a file tree. */
const FILE_KEYS = [Buffer.from('4:path'), Buffer.from('11:pieces root')];

/** A message from the thread. */
type Answer =
  | { readonly kind: 'files'; readonly files: PackedFiles }
  /** The last message, after all files: the metainfo without its files. */
  | { readonly kind: 'parsed'; readonly rest: Metainfo }
  | { readonly kind: 'refused'; readonly code: FailureCode; readonly message: string };

/** Parses at once, or in a thread when the torrent has very many files. */
export const nodeParseMetainfo: ParseTorrent = (bytes, answered) =>
  hasManyFiles(bytes) ? parseInThread(bytes, answered) : parseAtOnce(bytes, answered);

/** Runs in the thread. `bytes` is the .torrent. Each message on `port` asks for the next answer. */
export function serveParsing(port: MessagePort, bytes: Uint8Array): void {
  const answers = parse(bufferOf(bytes));
  port.on('message', () => {
    const { value, done } = answers.next();
    if (done === true) port.close();
    else port.postMessage(value);
  });
}

function* parse(bytes: Buffer): Generator<Answer> {
  try {
    const { files, ...rest } = parseMetainfo(bytes);
    for (let begin = 0; begin < files.length; begin += FILES_A_MESSAGE) {
      yield { kind: 'files', files: packFiles(files.slice(begin, begin + FILES_A_MESSAGE)) };
    }
    yield { kind: 'parsed', rest: { ...rest, files: [] } };
  } catch (error) {
    if (!(error instanceof BtgetError)) throw error;
    yield { kind: 'refused', code: error.code, message: error.message };
  }
}

function hasManyFiles(bytes: Buffer): boolean {
  return FILE_KEYS.some((key) => hasManyOf(key, bytes));
}

/** Counts the key. Hashes may hold it by chance; then a thread starts without need, and does no harm. */
function hasManyOf(key: Buffer, bytes: Buffer): boolean {
  let at = -1;
  for (let count = 0; count <= MANY_FILES; count += 1) {
    at = bytes.indexOf(key, at + 1);
    if (at === -1) return false;
  }
  return true;
}

function parseInThread(bytes: Buffer, answered: (outcome: ParseOutcome) => void): Parsing {
  const copy = new Uint8Array(bytes);
  const thread = new Worker(new URL('./parse-worker.js', import.meta.url), {
    workerData: copy,
    transferList: [copy.buffer],
  });
  const files: TorrentFile[] = [];
  let isOver = false;
  const answer = (outcome: ParseOutcome): void => {
    if (isOver) return;
    isOver = true;
    answered(outcome);
  };
  const next = (): void => thread.postMessage(null);
  thread.on('message', (part: Answer) => {
    if (part.kind === 'files') unpackFiles(part.files, files);
    else if (part.kind === 'parsed') answer({ ok: true, metainfo: received(part.rest, files) });
    else answer({ ok: false, failure: new BtgetError(part.code, part.message) });
    next();
  });
  const failed = (failure: Error): void => answer({ ok: false, failure });
  thread.on('error', failed);
  thread.on('exit', (code) => failed(new Error(`the thread that parses ended with code ${code}`)));
  next();
  return {
    cancel: () => {
      isOver = true;
      void thread.terminate();
    },
  };
}

/** The metainfo from the thread's messages. A Buffer arrives as a plain Uint8Array. */
function received(rest: Metainfo, files: readonly TorrentFile[]): Metainfo {
  const { infoHash, infoHashV1: v1, infoHashV2: v2, info, pieces, pieceRoots } = rest;
  return {
    ...rest,
    infoHash: bufferOf(infoHash),
    infoHashV1: v1 === null ? null : infoHashV1(bufferOf(v1)),
    infoHashV2: v2 === null ? null : infoHashV2(bufferOf(v2)),
    info: bufferOf(info),
    pieces: bufferOf(pieces),
    pieceRoots: pieceRoots === null ? null : bufferOf(pieceRoots),
    files,
  };
}
