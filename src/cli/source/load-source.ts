/** From a SOURCE on the command line to the torrent that it names. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { BtgetError } from '../../base/failure.js';
import { MAX_TORRENT_LENGTH } from '../../metainfo/limits.js';
import { type MagnetLink, parseInfoHash, parseMagnet } from '../../metainfo/magnet.js';
import type { Metainfo } from '../../metainfo/metainfo.js';
import type { PeerAddress } from '../../net/raw-server.js';
import type { V1MagnetLink } from '../../torrent/metadata-torrent.js';
import { formatSize } from '../output/format.js';
import { classifySource } from './classify.js';

export interface SourceReaders {
  readonly stdin: AsyncIterable<Buffer | string>;
  /** Throws a `BtgetError`, or rejects with one. */
  readonly parse: (bytes: Buffer) => Metainfo | Promise<Metainfo>;
  /** The body behind an http(s) URL, at most `maxLength` bytes; rejects with a `BtgetError`. */
  readonly fetch: (url: string, maxLength: number) => Promise<Buffer>;
  /** The addresses of a link's peers, `HOST:PORT` each; who has none is left out. */
  readonly resolve: (peers: readonly string[]) => Promise<readonly PeerAddress[]>;
}

/** A torrent whose metainfo is there. */
export interface LoadedTorrent {
  readonly input: string;
  readonly ok: true;
  readonly kind: 'torrent';
  readonly metainfo: Metainfo;
}

/** A torrent of which only a link or its info-hash is there. */
export interface LoadedMagnet {
  readonly input: string;
  readonly ok: true;
  readonly kind: 'magnet';
  readonly link: V1MagnetLink;
  /** The peers of the link that have an address. */
  readonly peers: readonly PeerAddress[];
}

export interface UnusableSource {
  readonly input: string;
  readonly ok: false;
  readonly failure: BtgetError;
}

export type LoadedSource = LoadedTorrent | LoadedMagnet | UnusableSource;

/** Never rejects for a fault of the source. Any other exception is a bug, and goes on. */
export async function loadSource(input: string, readers: SourceReaders): Promise<LoadedSource> {
  try {
    const link = await readLink(input);
    if (link !== null) return { input, ok: true, kind: 'magnet', link, peers: await readers.resolve(link.peers) };
    return { input, ok: true, kind: 'torrent', metainfo: await readers.parse(await readSource(input, readers)) };
  } catch (error) {
    if (!(error instanceof BtgetError)) throw error;
    const name = input === '-' ? 'stdin' : input;
    const message = error.message.includes(name) ? error.message : `${name}: ${error.message}`;
    return { input, ok: false, failure: new BtgetError(error.code, message, { cause: error }) };
  }
}

/** As `loadSource`, for what cannot begin with a link: `what` is said of a link. */
export async function loadTorrent(
  input: string,
  readers: SourceReaders,
  what: string,
): Promise<LoadedTorrent | UnusableSource> {
  const source = await loadSource(input, readers);
  if (!source.ok || source.kind === 'torrent') return source;
  return { input, ok: false, failure: new BtgetError('usage', `${what}: ${input}`) };
}

/** Null when the source is no link. An info-hash is a link that says nothing else; a file of that name wins. */
async function readLink(input: string): Promise<V1MagnetLink | null> {
  const kind = classifySource(input);
  if (kind === 'magnet') return knownByV1(parseMagnet(input), input);
  if (kind !== 'info-hash' || (await exists(input))) return null;
  const infoHash = parseInfoHash(input) ?? null;
  return knownByV1(infoHash === null ? NO_V1_LINK : { ...NO_V1_LINK, infoHash }, input);
}

const NO_V1_LINK: MagnetLink = {
  infoHash: null,
  infoHashV2: null,
  name: null,
  length: null,
  trackers: [],
  webSeeds: [],
  peers: [],
  nodes: [],
  selected: null,
};

function knownByV1(link: MagnetLink, input: string): V1MagnetLink {
  const { infoHash } = link;
  if (infoHash !== null) return { ...link, infoHash };
  throw new BtgetError('torrent-invalid', `torrents of version 2 alone are not supported yet: ${input}`);
}

async function readSource(input: string, readers: SourceReaders): Promise<Buffer> {
  switch (classifySource(input)) {
    case 'stdin':
      return collect(readers.stdin, 'stdin');
    case 'url':
      return readers.fetch(input, MAX_TORRENT_LENGTH);
    case 'magnet':
    case 'info-hash':
      return readPath(input);
    case 'path':
      if (/^[a-z][a-z0-9+.-]+:\/\//i.test(input) && !(await exists(input)))
        throw new BtgetError('usage', `only http and https URLs can be fetched: ${input}`);
      return readPath(input);
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw openFailure(path, error);
  }
}

/** A pipe (`<(curl …)`) is as good as a file. */
async function readPath(path: string): Promise<Buffer> {
  try {
    const found = await stat(path);
    if (found.isDirectory()) throw new BtgetError('cannot-open', `${path} is a folder, not a .torrent`);
    if (found.size > MAX_TORRENT_LENGTH) throw tooLong(path, `${formatSize(found.size)} long`);
    return await collect(createReadStream(path), path);
  } catch (error) {
    throw error instanceof BtgetError ? error : openFailure(path, error);
  }
}

export function openFailure(path: string, error: unknown): BtgetError {
  const code = systemCode(error);
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new BtgetError('source-not-found', `no such file: ${path}`, { cause: error });
  return new BtgetError('cannot-open', `cannot read ${path}: ${code ?? String(error)}`, { cause: error });
}

async function collect(stream: AsyncIterable<Buffer | string>, name: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream) {
    const bytes = Buffer.from(chunk);
    length += bytes.length;
    if (length > MAX_TORRENT_LENGTH) throw tooLong(name, 'longer');
    chunks.push(bytes);
  }
  if (length === 0) throw new BtgetError('not-bencoded', `${name} is empty`);
  return Buffer.concat(chunks, length);
}

function tooLong(name: string, how: string): BtgetError {
  return new BtgetError(
    'torrent-invalid',
    `${name} is ${how}, and a .torrent is at most ${formatSize(MAX_TORRENT_LENGTH)}: is it the content?`,
  );
}

function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
