/**
 * The parser for a process that must not wait. A thread parses a torrent of very many files, sends the result in few
 * objects, and ends. Objects are made of it in parts, so that parsing never holds the event loop for long.
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
/** How many files are packed together, and unpacked in one turn of the event loop. */
const FILES_A_PART = 2000;
const YOUNG_MIB = 6;
/** The bencoded keys that occur once in each file of a folder's list, and of a file tree. */
const FILE_KEYS = [Buffer.from('4:path'), Buffer.from('11:pieces root')];

/** The message from the thread. */
type Answer =
  /** `rest` is the metainfo without its files. */
  | { readonly kind: 'parsed'; readonly files: readonly PackedFiles[]; readonly rest: Metainfo }
  | { readonly kind: 'refused'; readonly code: FailureCode; readonly message: string };

/** Parses at once, or in a thread when the torrent has very many files. */
export const nodeParseMetainfo: ParseTorrent = (bytes, answered) =>
  hasManyFiles(bytes) ? parseInThread(bytes, answered) : parseAtOnce(bytes, answered);

/** Runs in the thread. `bytes` is the .torrent. */
export function serveParsing(port: MessagePort, bytes: Uint8Array): void {
  const answer = parse(bufferOf(bytes));
  port.postMessage(answer, answer.kind === 'parsed' ? memoryOf(answer) : []);
}

/** The memory of the answer that can be handed over, so that it is not copied. A short Buffer shares its memory. */
function memoryOf({ files, rest }: Answer & { kind: 'parsed' }): ArrayBuffer[] {
  const views = [rest.info, rest.pieces, rest.pieceRoots, ...files.map(({ roots }) => roots)];
  return views.flatMap((view) => {
    const isWhole = view?.buffer instanceof ArrayBuffer && view.byteLength === view.buffer.byteLength;
    return isWhole && view.byteLength > 0 ? [view.buffer as ArrayBuffer] : [];
  });
}

function parse(bytes: Buffer): Answer {
  try {
    const { files, ...rest } = parseMetainfo(bytes);
    const parts: PackedFiles[] = [];
    for (let begin = 0; begin < files.length; begin += FILES_A_PART)
      parts.push(packFiles(files.slice(begin, begin + FILES_A_PART)));
    return { kind: 'parsed', files: parts, rest: { ...rest, files: [] } };
  } catch (error) {
    if (!(error instanceof BtgetError)) throw error;
    return { kind: 'refused', code: error.code, message: error.message };
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
    // Nearly all that the thread makes lives as long as it: a larger space for young objects gains no time.
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MIB },
  });
  let told: Answer | null = null;
  let isOver = false;
  const answer = (outcome: ParseOutcome): void => {
    if (isOver) return;
    isOver = true;
    answered(outcome);
  };
  const failed = (failure: Error): void => answer({ ok: false, failure });
  thread.on('message', (message: Answer) => {
    told = message;
  });
  thread.on('error', failed);
  // The thread needs much memory. What we make of its answer takes no more until it has given that back.
  thread.on('exit', (code) => {
    if (told === null) failed(new Error(`the thread that parses ended with code ${code}`));
    else if (told.kind === 'refused') failed(new BtgetError(told.code, told.message));
    else unpack(told.files, told.rest);
  });
  const unpack = (parts: readonly PackedFiles[], rest: Metainfo): void => {
    const files: TorrentFile[] = [];
    const next = (part: number): void => {
      if (isOver) return;
      const packed = parts[part];
      if (packed === undefined) answer({ ok: true, metainfo: received(rest, files) });
      else {
        unpackFiles(packed, files);
        setImmediate(next, part + 1);
      }
    };
    next(0);
  };
  return {
    cancel: () => {
      isOver = true;
      void thread.terminate();
    },
  };
}

/** The metainfo of the thread's answer. A Buffer arrives as a plain Uint8Array. */
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
