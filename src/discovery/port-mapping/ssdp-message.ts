/** The search of SSDP for an Internet gateway (UPnP Device Architecture 1.1, 1.3), and what may answer it. */
import { urlOf } from '../../base/url.js';
import type { IpFamily } from '../../net/ip-address.js';
import { parseIp } from '../../net/ip-address.js';
import type { PeerAddress } from '../../net/peer-address.js';
import { reachOf } from '../../net/reach.js';

export const SSDP_GROUP: PeerAddress & { readonly family: IpFamily } = {
  family: 4,
  host: '239.255.255.250',
  port: 1900,
};

/** Gateways of version 2 have to answer for version 1 too; some answer for their service alone. */
export const SEARCH_TARGETS = [
  'urn:schemas-upnp-org:device:InternetGatewayDevice:1',
  'urn:schemas-upnp-org:device:InternetGatewayDevice:2',
  'urn:schemas-upnp-org:service:WANIPConnection:1',
] as const;

const MAX_LENGTH = 2048;
const MAX_URL_LENGTH = 512;

/** `maxDelay` in seconds: within that time devices answer, each when it likes. */
export function encodeSearch(target: string, maxDelay: number): Buffer {
  const { host, port } = SSDP_GROUP;
  const lines = [
    'M-SEARCH * HTTP/1.1',
    `HOST: ${host}:${port}`,
    'MAN: "ssdp:discover"',
    `MX: ${maxDelay}`,
    `ST: ${target}`,
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}

/**
 * Where the description of a gateway is that answers from `from`; undefined when it is no answer, or one to distrust.
 */
export function decodeSearchAnswer(data: Buffer, from: string): URL | undefined {
  if (data.length > MAX_LENGTH) return undefined;
  const [first = '', ...lines] = data.toString('latin1').split(/\r?\n/);
  if (!/^HTTP\/1\.[01] 200(?: |$)/i.test(first)) return undefined;
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon > 0) headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
  const target = headers.get('st') ?? '';
  if (!/:(?:InternetGatewayDevice|WANIPConnection|WANPPPConnection):\d+$/.test(target)) return undefined;
  return gatewayUrl(headers.get('location') ?? '', from);
}

/**
 * A URL at the very host that gave it, in our own network: otherwise anybody who can send us a datagram could make us
 * ask whomever he likes.
 */
export function gatewayUrl(text: string, from: string, base?: URL): URL | undefined {
  if (text === '' || text.length > MAX_URL_LENGTH) return undefined;
  const url = urlOf(text, base?.href);
  if (url?.protocol !== 'http:' || url.username !== '' || url.password !== '' || url.port === '0') return undefined;
  const reach = reachOf(from);
  if (reach !== 'private' && reach !== 'link-local') return undefined;
  return parseIp(url.hostname)?.text === from ? url : undefined;
}
