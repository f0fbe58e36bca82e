/** The text that names a torrent: a path, a URL or a link. The bytes behind a path or a URL are read here. */
import { stat } from 'node:fs/promises';
import { BtgetError, interrupted, systemCode } from '../base/failure.js';
import { SecretUrl } from '../base/secret-url.js';
import { readGivenFile } from '../base/system-given-file.js';
import { DEFAULT_FETCH_OPTIONS, httpFetch } from '../discovery/http/http-fetch.js';
import { MAX_TORRENT_LENGTH } from '../metainfo/metainfo.js';
import { NodeTimers } from '../net/node-timers.js';
import { UNHEARD } from './node-proxy.js';
import { openWayOut, type WayOutOptions } from './node-way-out.js';
import { onAbort } from './on-abort.js';

export interface SourceOptions extends WayOutOptions {
  readonly userAgent: string;
  /** Ends a fetch and the reading of a file, which then rejects as 'interrupted'. */
  readonly signal: AbortSignal | null;
}

const LINK = /^(?:magnet(?::|%3a)|urn:bt[im]h:)/i;
const INFO_HASH = /^(?:[0-9a-f]{40}|[0-9a-f]{64}|[a-z2-7]{32})$/i;

/**
 * The bytes of the .torrent that `source` names, or the text of a link: a magnet link, or an info-hash unless a file
 * has that name. Rejects with a `BtgetError`: 'source-not-found', 'cannot-open', 'network', 'torrent-invalid' for what
 * is too long, 'interrupted', and 'usage' for a URL that is not fetched.
 */
export async function readSource(source: string, options: SourceOptions): Promise<Buffer | string> {
  if (LINK.test(source)) return source;
  if (/^https?:\/\//i.test(source)) return fetchSource(source, options);
  if (INFO_HASH.test(source) && !(await isFile(source))) return source;
  return readPath(source, options.signal);
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function readPath(path: string, signal: AbortSignal | null): Promise<Buffer> {
  try {
    if ((await stat(path)).isDirectory()) throw new BtgetError('cannot-open', `${path} is a folder, not a .torrent`);
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of readGivenFile(path, signal)) {
      length += chunk.length;
      if (length > MAX_TORRENT_LENGTH)
        throw new BtgetError('torrent-invalid', `${path} is too long for a .torrent: is it the content?`);
      chunks.push(Buffer.from(chunk));
    }
    return Buffer.concat(chunks, length);
  } catch (error) {
    if (signal?.aborted === true) throw interrupted(signal.reason);
    throw error instanceof BtgetError ? error : openFailure(path, error);
  }
}

function openFailure(path: string, error: unknown): BtgetError {
  const code = systemCode(error) ?? String(error);
  if (code !== 'ENOENT' && code !== 'ENOTDIR')
    return new BtgetError('cannot-open', `cannot read ${path}: ${code}`, { cause: error });
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(path))
    return new BtgetError('usage', `only http and https URLs can be fetched: ${path}`, { cause: error });
  const hint = 'a source is a path, an http(s) URL, a magnet link, an info-hash, or the bytes of a .torrent';
  return new BtgetError('source-not-found', `no such file: ${path}`, { cause: error, hint });
}

async function fetchSource(url: string, sourceOptions: SourceOptions) {
  const { userAgent, signal } = sourceOptions;
  const target = { url: new SecretUrl(url), source: 'user', asked: null } as const;
  const { bind, authorities, proxies } = openWayOut(sourceOptions, null, UNHEARD);
  const options = { ...DEFAULT_FETCH_OPTIONS, maxLength: MAX_TORRENT_LENGTH, userAgent, bind, authorities, proxies };
  return new Promise<Buffer | string>((resolve, reject) => {
    const fetching = httpFetch(target, options, new NodeTimers(), (outcome) => {
      forget();
      if (outcome.ok) resolve(outcome.body);
      // A server that redirects to a magnet link has named a torrent too.
      else if (outcome.code === 'forbidden' && outcome.redirect !== undefined && LINK.test(outcome.redirect))
        resolve(outcome.redirect);
      else if (outcome.code === 'status' && (outcome.status === 404 || outcome.status === 410))
        reject(new BtgetError('source-not-found', `${target.url}: the server says ${outcome.status}, not found`));
      else reject(new BtgetError('network', `cannot fetch ${target.url}: ${outcome.message}`));
    });
    const forget = onAbort(signal, () => {
      fetching.cancel();
      reject(interrupted(signal?.reason));
    });
  });
}
