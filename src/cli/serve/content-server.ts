/** Serves the files of a torrent to players on this machine, over HTTP with ranges. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { toHex } from '../../base/bytes.js';
import { BtgetError } from '../../base/failure.js';
import type { Metainfo, TorrentFile } from '../../metainfo/metainfo.js';
import type { ByteRun } from '../../metainfo/padding.js';
import { parseRequestTarget } from '../../net/request-target.js';
import type { ReadableTorrent } from '../run/reading-run.js';
import { type AskedRange, askedRange } from './asked-range.js';
import { mediaTypeOf } from './media-type.js';
import { isOurHost, isOurOrigin, isOurPage } from './own-host.js';

/** Players on this machine alone are served. */
const HOST = '127.0.0.1';
const MAX_CONNECTIONS = 64;
/** A request must be there after so long. Milliseconds. */
const REQUEST_LIMIT = 10_000;
/** A connection without a request is closed after so long. Milliseconds. */
const IDLE_LIMIT = 60_000;
/** Bytes that are read and written at a time. */
const CHUNK = 256 * 1024;

export interface ServedFile {
  /** Index in the metainfo. */
  readonly index: number;
  /** Its number in URLs: as `btget show` numbers files, from 0 on. */
  readonly number: number;
  readonly file: TorrentFile;
}

export class ContentServer {
  readonly #torrent: ReadableTorrent;
  readonly #files: readonly ServedFile[];
  readonly #infoHash: string;
  readonly #server: Server;
  /** What is open for a reader that may hang up. */
  readonly #readers = new Set<{ close(): void }>();
  /** The connections over which a file is sent. */
  readonly #busy = new WeakSet<Socket>();

  constructor(torrent: ReadableTorrent, metainfo: Metainfo, files: readonly ServedFile[]) {
    this.#torrent = torrent;
    this.#files = files;
    this.#infoHash = toHex(metainfo.infoHash);
    this.#server = createServer(
      {
        headersTimeout: REQUEST_LIMIT,
        requestTimeout: REQUEST_LIMIT,
        keepAliveTimeout: IDLE_LIMIT,
        connectionsCheckingInterval: REQUEST_LIMIT / 2,
      },
      (request, response) => this.#serve(request, response),
    );
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /**
   * Answers once, with the URL of each file, and of a list of them when there are several, or with a 'network' failure.
   * Port 0: the system chooses.
   */
  listen(port: number, answered: (outcome: readonly string[] | BtgetError) => void): void {
    const failed = (error: NodeJS.ErrnoException): void => {
      const why = error.code === 'EADDRINUSE' ? 'in use' : (error.code ?? error.message);
      answered(new BtgetError('network', `cannot listen on ${HOST}:${port}: ${why}`, { cause: error }));
    };
    this.#server.once('error', failed);
    this.#server.listen(port, HOST, () => {
      this.#server.off('error', failed);
      // The system could not accept a connection. That is the loss of who dials.
      this.#server.on('error', () => undefined);
      const base = `http://${HOST}:${(this.#server.address() as AddressInfo).port}`;
      const urls = this.#files.map((each) => base + this.#pathOf(each));
      answered(urls.length === 1 ? urls : [...urls, `${base}/torrents/${this.#infoHash}/playlist.m3u8`]);
    });
  }

  /** Hangs up on everyone. */
  close(): void {
    const readers = [...this.#readers];
    this.#readers.clear();
    for (const reader of readers) reader.close();
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #pathOf({ number, file }: ServedFile): string {
    return `/torrents/${this.#infoHash}/stream/${number}/${encodeURIComponent(file.path.at(-1) ?? '')}`;
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    response.setHeader('X-Content-Type-Options', 'nosniff');
    const { method = '', url = '', headers } = request;
    const target = parseRequestTarget(url);
    // RFC 9112, 3.2.2: the host that the target names counts. The header must be ours too: only a page of another site
    // has us asked under a name of its own.
    const host = target?.authority ?? headers.host ?? '';
    if (!isOurHost(headers.host) || !isOurHost(host)) refuse(response, 421, 'this server has another name');
    else if (!isOurOrigin(headers.origin, host)) refuse(response, 403, 'not for other pages');
    else if (!isOurPage(headers)) refuse(response, 403, 'not for other pages');
    else if (this.#busy.has(request.socket)) {
      // It has sent more requests ahead. Each would have a reader and memory of its own, and could have hundreds.
      refuse(response, 503, 'one file at a time over a connection');
    } else if (method !== 'GET' && method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      refuse(response, 405, 'only GET and HEAD');
    } else {
      const [, hash, what] = /^\/torrents\/([0-9a-f]{40})\/(.*)$/i.exec(target?.path ?? '') ?? [];
      const number = /^stream\/(\d{1,7})(?:\/[^/]*)?$/.exec(what ?? '')?.[1];
      const served = this.#files.find((file) => number !== undefined && file.number === Number(number));
      if (hash?.toLowerCase() !== this.#infoHash) refuse(response, 404, 'no such torrent');
      else if (what === 'playlist.m3u8') this.#sendPlaylist(host, request, response);
      else if (served === undefined) refuse(response, 404, 'no such file');
      else this.#sendFile(served, request, response);
    }
  }

  #sendPlaylist(host: string, request: IncomingMessage, response: ServerResponse): void {
    const lines = this.#files.flatMap((each) => {
      const name = (each.file.path.at(-1) ?? '').replace(/\p{Cc}/gu, ' ');
      return [`#EXTINF:-1,${name}`, `http://${host}${this.#pathOf(each)}`];
    });
    const body = Buffer.from(`${['#EXTM3U', ...lines].join('\n')}\n`);
    response.writeHead(200, { 'Content-Type': mediaTypeOf('x.m3u8'), 'Content-Length': body.length });
    response.end(request.method === 'HEAD' ? undefined : body);
  }

  #sendFile(served: ServedFile, request: IncomingMessage, response: ServerResponse): void {
    const { length, path } = served.file;
    const tag = `"${this.#infoHash}-${served.number}"`;
    response.setHeader('Accept-Ranges', 'bytes');
    response.setHeader('ETag', tag);
    const { headers } = request;
    if (!isOneOf(headers['if-match'], tag)) {
      refuse(response, 412, 'this is another file');
      return;
    }
    if (isNoneOf(headers['if-none-match'], tag)) {
      response.writeHead(304).end();
      return;
    }
    const ifRange = headers['if-range'];
    // RFC 9110, 14.2: "For this specification, GET is the only method for which range handling is defined."
    const isForRange = request.method === 'GET' && (ifRange === undefined || ifRange === tag);
    const asked: AskedRange = isForRange ? askedRange(headers.range, length) : { kind: 'whole' };
    if (asked.kind === 'unsatisfiable') {
      response.setHeader('Content-Range', `bytes */${length}`);
      refuse(response, 416, `the file has ${length} bytes`);
      return;
    }
    const run = asked.kind === 'part' ? asked.run : { begin: 0, end: length };
    response.setHeader('Content-Type', mediaTypeOf(path.at(-1) ?? ''));
    response.setHeader('Content-Length', run.end - run.begin);
    if (asked.kind === 'part') response.setHeader('Content-Range', `bytes ${run.begin}-${run.end - 1}/${length}`);
    response.writeHead(asked.kind === 'part' ? 206 : 200);
    if (request.method === 'HEAD' || run.begin === run.end) response.end();
    else this.#pump(served, run, request.socket, response);
  }

  /**
   * Writes the bytes. The next ones are read when the player has taken the ones before. The answer ends with its last
   * byte and not with a read that brings nothing: the player has the whole by then, and may ask for the next.
   */
  #pump({ index }: ServedFile, run: ByteRun, socket: Socket, response: ServerResponse): void {
    const reader = this.#torrent.openReader(index, run, true);
    this.#readers.add(reader);
    this.#busy.add(socket);
    const free = (): void => {
      this.#readers.delete(reader);
      reader.close();
    };
    const over = (): void => {
      response.off('close', over);
      socket.off('close', over);
      this.#busy.delete(socket);
      free();
    };
    // Node closes a response when the system has taken all of it, before it reads what the player sends next. A
    // response that waits behind others has no socket yet, and may not hear that it is closed.
    response.once('close', over);
    socket.once('close', over);
    // The player gets the head before the first piece is here.
    response.flushHeaders();
    let left = run.end - run.begin;
    const chunk = Buffer.allocUnsafe(Math.min(CHUNK, left));
    const next = (): void =>
      reader.read(chunk, (outcome) => {
        if (!outcome.ok) {
          // Without all bytes the player must not take the answer for whole.
          response.destroy();
          return;
        }
        const bytes = chunk.subarray(0, outcome.length);
        left -= bytes.length;
        if (left === 0) {
          free();
          response.end(bytes);
        } else
          response.write(bytes, (error) => {
            if ((error === null || error === undefined) && this.#readers.has(reader)) next();
          });
      });
    next();
  }
}

/**
 * Whether the player wants what `tag` names, or names nothing. If-Match compares strongly, so a tag with `W/` is none
 * of ours (RFC 9110, 13.1.1).
 */
function isOneOf(header: string | undefined, tag: string): boolean {
  return header === undefined || header.split(',').some((each) => ['*', tag].includes(each.trim()));
}

/** Whether the player has what `tag` names: If-None-Match compares weakly, so `W/` says nothing (RFC 9110, 13.1.2). */
function isNoneOf(header: string | undefined, tag: string): boolean {
  return header?.split(',').some((each) => ['*', tag].includes(each.trim().replace(/^W\//, ''))) === true;
}

function refuse(response: ServerResponse, status: number, sentence: string): void {
  const body = Buffer.from(`${sentence}\n`);
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': body.length });
  response.end(body);
}
