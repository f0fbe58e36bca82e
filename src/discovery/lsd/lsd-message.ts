/** The announce of Local Service Discovery (BEP 14): one datagram in the form of an HTTP request, without an answer. */
import type { IpFamily } from '../../net/ip-address.js';
import type { PeerAddress } from '../../net/raw-server.js';

/** BEP 14: "LSD uses the following multicast groups". */
export const LSD_GROUPS: Readonly<Record<IpFamily, PeerAddress>> = {
  4: { host: '239.192.152.143', port: 6771 },
  6: { host: 'ff15::efc0:988f', port: 6771 },
};

/** BEP 14: "the packet length should not exceed 1400 bytes to avoid MTU/fragmentation problems". */
const MAX_SENT_LENGTH = 1400;
/** We drop longer datagrams unread. A client that sends them breaks the limit above by far. */
const MAX_READ_LENGTH = 2048;
const INFO_HASH_LENGTH = 20;
const MAX_COOKIE_LENGTH = 64;
const FIRST_LINE = 'BT-SEARCH * HTTP/1.1';

export interface LsdAnnounce {
  /** The port on which the sender listens for peers, 1 to 65535. */
  readonly port: number;
  /** At least one, 20 bytes each, all different. */
  readonly infoHashes: readonly Buffer[];
  /** BEP 14: "opaque value, allowing the sending client to filter out its own announces". */
  readonly cookie: string | null;
}

/** How many info-hashes have room in one announce that has `cookie` and any port. */
export function announceCapacity(family: IpFamily, cookie: string): number {
  const empty = encodeLsdAnnounce(family, { port: 65_535, infoHashes: [], cookie });
  const line = hashLine(Buffer.alloc(INFO_HASH_LENGTH));
  return Math.floor((MAX_SENT_LENGTH - empty.length) / line.length);
}

/** The datagram for the group of `family`. The caller sees to it that no more info-hashes are in it than have room. */
export function encodeLsdAnnounce(family: IpFamily, { port, infoHashes, cookie }: LsdAnnounce): Buffer {
  const { host, port: groupPort } = LSD_GROUPS[family];
  const group = `${family === 4 ? host : `[${host}]`}:${groupPort}`;
  const hashes = infoHashes.map(hashLine).join('');
  const own = cookie === null ? '' : `cookie: ${cookie}\r\n`;
  return Buffer.from(`${FIRST_LINE}\r\nHost: ${group}\r\nPort: ${port}\r\n${hashes}${own}\r\n\r\n`, 'latin1');
}

/** Reads the announce of any client. Undefined when it is no announce, or has no valid port or no info-hash. */
export function decodeLsdAnnounce(data: Buffer): LsdAnnounce | undefined {
  if (data.length > MAX_READ_LENGTH) return undefined;
  const [first, ...lines] = data.toString('latin1').split(/\r?\n/);
  if (first === undefined || !/^BT-SEARCH \* HTTP\/1\.[01]$/i.test(first)) return undefined;
  let port: number | undefined;
  let cookie: string | null = null;
  const infoHashes = new Map<string, Buffer>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    const value = line.slice(colon + 1).trim();
    switch (line.slice(0, Math.max(colon, 0)).toLowerCase()) {
      case 'port':
        port = /^\d{1,5}$/.test(value) ? Number(value) : 0;
        break;
      case 'infohash':
        if (/^[0-9a-f]{40}$/i.test(value)) infoHashes.set(value.toLowerCase(), Buffer.from(value, 'hex'));
        break;
      case 'cookie':
        cookie = value.slice(0, MAX_COOKIE_LENGTH);
        break;
    }
  }
  if (port === undefined || port < 1 || port > 65_535 || infoHashes.size === 0) return undefined;
  return { port, infoHashes: [...infoHashes.values()], cookie };
}

function hashLine(infoHash: Buffer): string {
  return `Infohash: ${infoHash.toString('hex')}\r\n`;
}
