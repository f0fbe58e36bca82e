import { nameBytes } from '../../base/raw-name.js';
import { urlOf } from '../../base/url.js';
import type { TorrentFile } from '../../metainfo/metainfo.js';

/**
 * The URL at which the web seed `seed` has a file (BEP 19). Null when the seed cannot have it: it is not by HTTP, or it
 * has a query to which no path can be added.
 *
 * BEP 19: "If the "url-list" URL ends in a slash, "/" the client must add the "name" from the torrent to make the full
 * URL", and for several files "the client must add the path and name too".
 */
export function fileUrl(
  seed: string,
  isFolder: boolean,
  { path, exactPath }: Pick<TorrentFile, 'path' | 'exactPath'>,
): string | null {
  const url = urlOf(seed.trim().replaceAll(' ', '%20'));
  if (url === undefined || !/^https?:$/.test(url.protocol)) return null;
  url.hash = '';
  const { pathname, search } = url;
  if (!isFolder && (!pathname.endsWith('/') || search !== '')) return url.href;
  if (search !== '') return null;
  const elements = exactPath ?? path;
  if (elements.some((element) => element === '' || element === '.' || element === '..')) return null;
  url.pathname = `${pathname.endsWith('/') ? pathname : `${pathname}/`}${elements.map(escapeElement).join('/')}`;
  return url.href;
}

/** Some servers take a `+` for a space. Only the characters stay that RFC 3986 calls unreserved. */
function escapeElement(element: string): string {
  return [...nameBytes(element)]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      return /[A-Za-z0-9._~-]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
}
