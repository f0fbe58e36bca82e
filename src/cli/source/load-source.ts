/** Loads the torrent that a SOURCE on the command line names. */
import { stat } from 'node:fs/promises';
import { BtgetError, systemCode } from '../../base/failure.js';
import { readGivenFile } from '../../base/system-given-file.js';
import { urlOf } from '../../base/url.js';
import { MAX_MAGNET_LENGTH, type MagnetLink, parseLink } from '../../metainfo/magnet.js';
import { MAX_TORRENT_LENGTH, type Metainfo } from '../../metainfo/metainfo.js';
import type { PeerAddress } from '../../net/raw-server.js';
import { formatSize } from '../output/format.js';
import type { Deadline } from '../run/deadline.js';
import { classifySource, recognise } from './recognise.js';
import { bareSource, decodeText, shownSource } from './source-text.js';

/** How sources are read and parsed. Tests hand in their own. */
export interface SourceReaders {
  readonly stdin: AsyncIterable<Buffer | string>;
  /** Throws a `BtgetError`, or rejects with one. */
  readonly parse: (bytes: Buffer) => Metainfo | Promise<Metainfo>;
  /** Fetches an http(s) URL. Rejects with a `BtgetError`, also when the body is longer than `maxLength` bytes. */
  readonly fetch: (url: string, maxLength: number) => Promise<Fetched>;
  /** The addresses of a link's peers, each given as `HOST:PORT`. A peer without an address is left out. */
  readonly resolve: (peers: readonly string[]) => Promise<readonly PeerAddress[]>;
}

/** The body behind a URL; or a string: the magnet link to which the server redirects. */
export type Fetched = Buffer | string;

/** A source whose metainfo we have. */
export interface LoadedTorrent {
  /** The source as the user gave it, without secrets. */
  readonly input: string;
  readonly ok: true;
  readonly kind: 'torrent';
  readonly metainfo: Metainfo;
}

/** A source that is a magnet link or an info-hash; its metadata comes from peers. */
export interface LoadedMagnet {
  readonly input: string;
  readonly ok: true;
  readonly kind: 'magnet';
  readonly link: MagnetLink;
  /** The peers of the link that have an address. */
  readonly peers: readonly PeerAddress[];
}

export interface UnusableSource {
  readonly input: string;
  readonly ok: false;
  readonly failure: BtgetError;
}

export type LoadedSource = LoadedTorrent | LoadedMagnet | UnusableSource;

/** Never rejects for a fault of the source. It rejects with any other exception, which is a bug. */
export async function loadSource(input: string, readers: SourceReaders): Promise<LoadedSource> {
  const shown = shownSource(input);
  let name = shown;
  try {
    const source = await meantSource(input);
    name = source === '-' ? 'stdin' : shownSource(source);
    const found = await readSource(source, readers);
    if (typeof found === 'string') return await loadLink(shown, found, readers);
    return { input: shown, ok: true, kind: 'torrent', metainfo: await parse(found, readers) };
  } catch (error) {
    if (!(error instanceof BtgetError)) throw error;
    const message = error.message.includes(name) ? error.message : `${name}: ${error.message}`;
    return { input: shown, ok: false, failure: new BtgetError(error.code, message, { cause: error }) };
  }
}

/** As `loadSource`. A source that is not here in time is given up. */
export async function loadSourceWithin(
  deadline: Deadline,
  input: string,
  readers: SourceReaders,
): Promise<LoadedSource> {
  const shown = shownSource(input);
  try {
    return await deadline.within(loadSource(input, readers), bareSource(input) === '-' ? 'stdin' : shown);
  } catch (failure) {
    if (!(failure instanceof BtgetError)) throw failure;
    return { input: shown, ok: false, failure };
  }
}

async function loadLink(input: string, text: string, readers: SourceReaders): Promise<LoadedMagnet> {
  const link = parseLink(text);
  return { input, ok: true, kind: 'magnet', link, peers: await readers.resolve(link.peers) };
}

async function parse(bytes: Buffer, readers: SourceReaders): Promise<Metainfo> {
  try {
    return await readers.parse(bytes);
  } catch (error) {
    const what = error instanceof BtgetError && error.code === 'not-bencoded' ? recognise(bytes) : null;
    if (what === null) throw error;
    throw new BtgetError('not-bencoded', what, { cause: error });
  }
}

/** `input` without the blanks and quotes that were copied with it, unless a file has exactly this name. */
export async function meantSource(input: string): Promise<string> {
  const bare = bareSource(input);
  return bare === '' || bare === input || (await exists(input)) ? input : bare;
}

/** As `loadSourceWithin`, for commands that cannot use a link: it gives a 'usage' failure that begins with `what`. */
export async function loadTorrentWithin(
  deadline: Deadline,
  input: string,
  readers: SourceReaders,
  what: string,
): Promise<LoadedTorrent | UnusableSource> {
  const source = await loadSourceWithin(deadline, input, readers);
  if (!source.ok || source.kind === 'torrent') return source;
  return { input: source.input, ok: false, failure: new BtgetError('usage', `${what}: ${source.input}`) };
}

/**
 * Resolves to the bytes of a .torrent, or to the text of a link. An info-hash counts as a link, unless there is a file
 * of that name.
 */
async function readSource(source: string, readers: SourceReaders): Promise<Fetched> {
  switch (classifySource(source)) {
    case 'stdin': {
      const bytes = await collect(readers.stdin, 'stdin');
      return linkIn(bytes) ?? bytes;
    }
    case 'url':
      // What no second try can fetch is not a fault of the network.
      if (urlOf(source) === undefined || hasBlank(source))
        throw new BtgetError('usage', `${shownSource(source)} is not a URL`);
      return readers.fetch(source, MAX_TORRENT_LENGTH);
    case 'magnet':
      return source;
    case 'info-hash':
      return (await exists(source)) ? readPath(source) : source;
    case 'path':
      if (/^[a-z][a-z0-9+.-]+:\/\//i.test(source) && !(await exists(source)))
        throw new BtgetError('usage', `only http and https URLs can be fetched: ${shownSource(source)}`);
      return readPath(source);
  }
}

function hasBlank(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return /[\u0000-\u0020\u007f]/.test(text);
}

/** The link, when stdin holds a link and nothing else; else null. Throws a 'usage' failure for several links. */
function linkIn(bytes: Buffer): string | null {
  if (bytes.length > 2 * MAX_MAGNET_LENGTH) return null;
  const text = bareSource(decodeText(bytes));
  const kind = classifySource(text);
  if (kind === 'info-hash') return text;
  if (kind !== 'magnet') return null;
  if (/\s(?:magnet|urn):/i.test(text))
    throw new BtgetError('usage', 'stdin holds several links: -i - reads a list of sources');
  return text;
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENAMETOOLONG') return false;
    throw openFailure(path, error);
  }
}

/** Reads a file or a pipe (`<(curl …)`). */
async function readPath(path: string): Promise<Buffer> {
  try {
    const found = await stat(path);
    if (found.isDirectory()) throw new BtgetError('cannot-open', `${path} is a folder, not a .torrent`);
    if (found.size > MAX_TORRENT_LENGTH) throw tooLong(path, `${formatSize(found.size)} long`);
    return await collect(readGivenFile(path), path);
  } catch (error) {
    throw error instanceof BtgetError ? error : openFailure(path, error);
  }
}

/** The failure to report when the system refuses to open or read `path`. */
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
    // A copy: what was read is valid until the next part is asked for.
    const bytes = Buffer.from(chunk);
    length += bytes.length;
    if (length > MAX_TORRENT_LENGTH) throw tooLong(name, 'longer');
    chunks.push(bytes);
  }
  if (length === 0) throw new BtgetError('not-bencoded', `${name} is empty`);
  return Buffer.concat(chunks, length);
}

/** The failure of a source that has more bytes than any .torrent: most likely it is what a torrent holds. */
export function tooLong(name: string, how: string): BtgetError {
  return new BtgetError(
    'torrent-invalid',
    `${name} is ${how}, and a .torrent is at most ${formatSize(MAX_TORRENT_LENGTH)}: is it the content?`,
  );
}
