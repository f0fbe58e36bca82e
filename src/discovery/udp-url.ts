import { urlOf } from '../base/url.js';
import { parseUrl, shownUrl, type UrlRefusal } from './trackers/announce-url.js';

export type UdpUrlOutcome =
  | {
      readonly ok: true;
      /** As in an http URL: a name in ASCII, or a literal, IPv6 in brackets. */
      readonly host: string;
      readonly port: number;
      /** Path and query, which go with an announce (BEP 41); empty when there is nothing in them. */
      readonly urlData: string;
    }
  | UrlRefusal;

/** The tracker that a `udp:` URL names, which must have a port. User name and password have no meaning here. */
export function parseUdpUrl(text: string): UdpUrlOutcome {
  const outcome = parseUrl(text);
  if (!outcome.ok) return outcome;
  const { url } = outcome;
  const port = Number(url.port);
  if (port === 0) return { ok: false, code: 'forbidden', message: `${shownUrl(text)} has no port` };
  // Only for the well-known schemes are hosts brought into their one form.
  const alike = urlOf(`http://${url.host}`);
  if (alike === undefined) return { ok: false, code: 'forbidden', message: `not a host: ${shownUrl(text)}` };
  const urlData = url.pathname + url.search;
  return { ok: true, host: alike.hostname, port, urlData: urlData === '/' ? '' : urlData };
}
