/**
 * The parser as the commands use it. What takes long, the .torrent of very many files, is parsed by a thread of its own
 * and comes over in parts, so that the event loop is never held for long.
 */
import { type MessagePort, Worker } from 'node:worker_threads';
import { BtgetError, type FailureCode } from '../../base/failure.js';
import type { Metainfo, TorrentFile } from '../../metainfo/metainfo.js';
import { parseMetainfo } from '../../metainfo/parse-metainfo.js';

/** With more files than this a thread is worth its start. */
const MANY_FILES = 2000;
/** Files that come over at once. */
const PART = 2000;
/** What stands in each file of a folder's list. */
const PATH_KEY = Buffer.from('4:path');

type Answer =
  | { readonly kind: 'files'; readonly files: readonly TorrentFile[] }
  /** All files have come; this is the rest. */
  | { readonly kind: 'parsed'; readonly rest: Metainfo }
  | { readonly kind: 'refused'; readonly code: FailureCode; readonly message: string };

/** What the .torrent says. Fails as `parseMetainfo` does, whether it throws or rejects. */
export function parseSource(bytes: Buffer): Metainfo | Promise<Metainfo> {
  return hasManyFiles(bytes) ? parseInThread(bytes) : parseMetainfo(bytes);
}

/** The thread's part: `bytes` is the .torrent. Each message that comes asks for the next answer. */
export function serveParsing(port: MessagePort, bytes: Uint8Array): void {
  const answers = parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  port.on('message', () => {
    const { value, done } = answers.next();
    if (done === true) port.close();
    else port.postMessage(value);
  });
}

function* parse(bytes: Buffer): Generator<Answer> {
  try {
    const { files, ...rest } = parseMetainfo(bytes);
    for (let begin = 0; begin < files.length; begin += PART) {
      yield { kind: 'files', files: files.slice(begin, begin + PART) };
    }
    yield { kind: 'parsed', rest: { ...rest, files: [] } };
  } catch (error) {
    if (!(error instanceof BtgetError)) throw error;
    yield { kind: 'refused', code: error.code, message: error.message };
  }
}

/** Hashes may hold the key by chance: then a thread is started for little. */
function hasManyFiles(bytes: Buffer): boolean {
  let at = -1;
  for (let count = 0; count <= MANY_FILES; count += 1) {
    at = bytes.indexOf(PATH_KEY, at + 1);
    if (at === -1) return false;
  }
  return true;
}

function parseInThread(bytes: Buffer): Promise<Metainfo> {
  const copy = new Uint8Array(bytes);
  const thread = new Worker(new URL('./parse-worker.js', import.meta.url), {
    workerData: copy,
    transferList: [copy.buffer],
  });
  const files: TorrentFile[] = [];
  return new Promise<Metainfo>((resolve, reject) => {
    const next = (): void => thread.postMessage(null);
    thread.on('message', (answer: Answer) => {
      if (answer.kind === 'files') for (const file of answer.files) files.push(file);
      else if (answer.kind === 'parsed') resolve(received(answer.rest, files));
      else reject(new BtgetError(answer.code, answer.message));
      next();
    });
    thread.on('error', reject);
    thread.on('exit', (code) => reject(new Error(`the thread that parses ended with code ${code}`)));
    next();
  });
}

/** What was a Buffer comes over as plain bytes. */
function received(rest: Metainfo, files: readonly TorrentFile[]): Metainfo {
  const { infoHash, infoHashV2, info, pieces } = rest;
  return {
    ...rest,
    infoHash: bufferOf(infoHash),
    infoHashV2: infoHashV2 === null ? null : bufferOf(infoHashV2),
    info: bufferOf(info),
    pieces: bufferOf(pieces),
    files,
  };
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
