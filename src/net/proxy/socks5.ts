/**
 * SOCKS5 (RFC 1928) with user name and password (RFC 1929), as bytes. Ports are big-endian. A host goes to the proxy as
 * it is: an IP literal by its bytes, anything else as a name, which the proxy looks up.
 */
import { ipOfBytes, parseIp } from '../ip-address.js';

/** A host, an IP literal or a name of at most 255 bytes, and a port from 0 to 65535. */
export interface SocksAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * Whether an address can stand in a message to a proxy: an IP literal or a name in printable ASCII without the marks of
 * a URL, and a port from 1. A line break in a name would begin another line of the message.
 */
export function isSocksAddress({ host, port }: SocksAddress): boolean {
  const isHost = parseIp(host) !== undefined || /^[!-~]{1,255}$/.test(host.replace(/[/:@?#[\]\\%]/g, ' '));
  return isHost && Number.isInteger(port) && port >= 1 && port <= 65_535;
}

/** At most 255 bytes of UTF-8 each; the user name has at least one. */
export interface ProxyCredentials {
  readonly user: string;
  readonly password: string;
}

/** What the proxy is asked for: to connect to a host, or to relay datagrams. */
export type SocksCommand = 'connect' | 'associate';

/** What a proxy may choose of what we offer. */
export const SOCKS_METHOD = { none: 0x00, credentials: 0x02 } as const;

const VERSION = 5;
const COMMANDS: Readonly<Record<SocksCommand, number>> = { connect: 0x01, associate: 0x03 };
const IPV4 = 0x01;
const NAME = 0x03;
const IPV6 = 0x04;
/** Where an address begins in a request, in a reply, and in a datagram. */
const ADDRESS_AT = 3;

/** The first message: the ways in which we can log in. We offer a password only when we have one. */
export function encodeSocksMethods(hasCredentials: boolean): Buffer {
  const methods = hasCredentials ? [SOCKS_METHOD.none, SOCKS_METHOD.credentials] : [SOCKS_METHOD.none];
  return Buffer.from([VERSION, methods.length, ...methods]);
}

/** The method that the proxy has chosen. Undefined when its answer, two bytes, is not SOCKS5. */
export function decodeSocksMethod(answer: Buffer): number | undefined {
  return answer[0] === VERSION ? answer[1] : undefined;
}

/** RFC 1929. */
export function encodeSocksCredentials({ user, password }: ProxyCredentials): Buffer {
  return Buffer.concat([Buffer.from([1]), withLength(user), withLength(password)]);
}

/** Whether the proxy takes our password. `answer`: two bytes, of which the first says nothing (proxies differ). */
export function decodeSocksVerdict(answer: Buffer): boolean {
  return answer[1] === 0;
}

/** What the proxy is asked for, once it lets us in (RFC 1928, section 4). */
export function encodeSocksRequest(command: SocksCommand, address: SocksAddress): Buffer {
  return Buffer.concat([Buffer.from([VERSION, COMMANDS[command], 0]), encodeAddress(address)]);
}

/** The answer to a request. */
export interface SocksReply {
  /** 0: granted. 1 to 8: why not (RFC 1928, section 6). */
  readonly code: number;
  /** For `associate`, where datagrams are sent. The host may be empty. Null when the request is not granted. */
  readonly bound: SocksAddress | null;
  /** How many bytes it takes. What follows is of the host that we asked for. */
  readonly length: number;
}

/** 'more': it is not whole yet. It is at most 262 bytes long. */
export function decodeSocksReply(bytes: Buffer): SocksReply | 'more' | 'malformed' {
  const version = bytes[0];
  if (version !== undefined && version !== VERSION) return 'malformed';
  const code = bytes[1];
  if (code === undefined) return 'more';
  // A proxy that refuses may name no address, or one without a type.
  if (code !== 0) return { code, bound: null, length: 2 };
  const address = decodeAddress(bytes);
  if (address === 'more' || address === 'malformed') return address;
  return { code, bound: address.address, length: address.end };
}

/** A datagram for the relay: `data` goes to `to`. */
export function encodeSocksDatagram(to: SocksAddress, data: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0, 0, 0]), encodeAddress(to), data]);
}

/** A datagram from the relay. `data` is a view. Undefined for a fragment, which we do not gather, and for nonsense. */
export function decodeSocksDatagram(datagram: Buffer): { from: SocksAddress; data: Buffer } | undefined {
  const isFragment = datagram[2] !== 0;
  const address = decodeAddress(datagram);
  if (isFragment || address === 'more' || address === 'malformed') return undefined;
  return { from: address.address, data: datagram.subarray(address.end) };
}

function encodeAddress({ host, port }: SocksAddress): Buffer {
  const end = Buffer.alloc(2);
  end.writeUInt16BE(port);
  const ip = parseIp(host);
  if (ip === undefined) return Buffer.concat([Buffer.from([NAME]), withLength(host), end]);
  return Buffer.concat([Buffer.from([ip.family === 4 ? IPV4 : IPV6]), ip.bytes, end]);
}

function decodeAddress(bytes: Buffer): { address: SocksAddress; end: number } | 'more' | 'malformed' {
  const type = bytes[ADDRESS_AT];
  if (type === undefined) return 'more';
  const begin = ADDRESS_AT + (type === NAME ? 2 : 1);
  if (type !== IPV4 && type !== IPV6 && type !== NAME) return 'malformed';
  const length = type === IPV4 ? 4 : type === IPV6 ? 16 : bytes[begin - 1];
  if (length === undefined || bytes.length < begin + length + 2) return 'more';
  const host = bytes.subarray(begin, begin + length);
  const end = begin + length + 2;
  return {
    address: {
      host: type === NAME ? host.toString('latin1') : ipOfBytes(host).text,
      port: bytes.readUInt16BE(end - 2),
    },
    end,
  };
}

/** `text` in UTF-8 after its length, one byte. */
function withLength(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length > 255) throw new RangeError('a text of more than 255 bytes');
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}
