/**
 * `node bare-fetch.js URL FILE LENGTH VERSION`: the least that a program of Node does to download a file over HTTP in
 * pieces of 1 MiB. It asks once, reads from the socket into shared memory, and two threads hash each piece as a torrent
 * of that version does (1, 2, hybrid), and write it. It knows no torrent and compares nothing, and it shares no code
 * with btget. The server must be of this machine.
 */
import { hash } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { hashTree, PIECE } from './bare-tree.js';

const SLOTS = 24;
const THREADS = 2;
const HEAD_END = '\r\n\r\n';

/** What a thread works on. */
interface Served {
  readonly path: string;
  readonly memory: SharedArrayBuffer;
  readonly version: string;
}

/** A piece that has come: where its memory is, its number, and its length. */
interface Come {
  readonly slot: number;
  readonly piece: number;
  readonly length: number;
}

if (isMainThread) {
  const [, , url = '', path = '', length = '', version = ''] = process.argv;
  fetchPieces(new URL(url), path, Number(length), version);
} else serve(workerData as Served);

function fetchPieces({ hostname, port, pathname }: URL, path: string, length: number, version: string): void {
  const memory = new SharedArrayBuffer(SLOTS * PIECE);
  const all = Buffer.from(memory);
  closeSync(openSync(path, 'w'));
  const threads = Array.from(
    { length: THREADS },
    () => new Worker(fileURLToPath(import.meta.url), { workerData: { path, memory, version } satisfies Served }),
  );
  const free = Array.from({ length: SLOTS }, (_, slot) => slot);
  const head = Buffer.alloc(4096);
  let headLength = 0;
  let inBody = false;
  let slot = free.pop() ?? 0;
  let filled = 0;
  let piece = 0;
  let done = 0;
  const pieceLength = (): number => Math.min(PIECE, length - piece * PIECE);
  const rest = (): Buffer => all.subarray(slot * PIECE + filled, slot * PIECE + pieceLength());
  const pieceCame = (): boolean => {
    const come: Come = { slot, piece, length: pieceLength() };
    threads[piece % THREADS]?.postMessage(come);
    piece += 1;
    filled = 0;
    const next = free.pop();
    slot = next ?? -1;
    return next !== undefined;
  };
  /** What the next read fills. Node asks for it when the read before is over, so it may be from before a pause. */
  let into: Buffer = head;
  const socket = connect({
    host: hostname,
    port: Number(port),
    onread: {
      buffer: () => {
        into = inBody && slot >= 0 && piece * PIECE < length ? rest() : head.subarray(headLength);
        return into;
      },
      callback: (count) => {
        if (!inBody) {
          headLength += count;
          const end = head.subarray(0, headLength).indexOf(HEAD_END);
          if (end === -1) return true;
          inBody = true;
          filled = headLength - end - HEAD_END.length;
          head.copy(all, slot * PIECE, end + HEAD_END.length, headLength);
          headLength = 0;
        } else {
          if (into.buffer !== memory) head.copy(all, slot * PIECE + filled, 0, count);
          filled += count;
        }
        if (filled === pieceLength() && !pieceCame() && piece * PIECE < length) socket.pause();
        return true;
      },
    },
  });
  socket.write(`GET ${pathname} HTTP/1.1\r\nHost: ${hostname}\r\nConnection: close\r\n\r\n`);
  for (const thread of threads)
    thread.on('message', (freed: number) => {
      done += 1;
      free.push(freed);
      if (done * PIECE >= length) {
        socket.destroy();
        for (const each of threads) each.postMessage(null);
      } else if (slot < 0 && piece * PIECE < length) {
        slot = free.pop() ?? -1;
        socket.resume();
      }
    });
}

function serve({ path, memory, version }: Served): void {
  const file = openSync(path, 'r+');
  parentPort?.on('message', (come: Come | null) => {
    if (come === null) {
      closeSync(file);
      parentPort?.close();
      return;
    }
    const data = Buffer.from(memory, come.slot * PIECE, come.length);
    if (version !== '2') hash('sha1', data, 'buffer');
    if (version !== '1') hashTree(data);
    writeSync(file, data, 0, come.length, come.piece * PIECE);
    parentPort?.postMessage(come.slot);
  });
}
