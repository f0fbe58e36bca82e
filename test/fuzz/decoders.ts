/** Every decoder of bytes that strangers write, with good inputs of its own. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Timers } from '../../src/base/clock.js';
import { redactText } from '../../src/base/redaction.js';
import { decodeBencode, decodeBencodeParts } from '../../src/bencode/bencode.js';
import { encodeBencode } from '../../src/bencode/encode.js';
import { CANONICAL, TOLERANT } from '../../src/bencode/guard.js';
import { recognise } from '../../src/cli/source/recognise.js';
import { bareSource, decodeText } from '../../src/cli/source/source-text.js';
import { contactAt, decodeContacts, encodeContacts } from '../../src/discovery/dht/contact.js';
import { decodeMessage as decodeDhtMessage } from '../../src/discovery/dht/decode-message.js';
import { decodeState, encodeState } from '../../src/discovery/dht/dht-state.js';
import { HttpCookies } from '../../src/discovery/http/http-cookies.js';
import { HttpResponseReader } from '../../src/discovery/http/http-response.js';
import { decodeLsdAnnounce, encodeLsdAnnounce } from '../../src/discovery/lsd/lsd-message.js';
import {
  decodeExternalAddress,
  decodeIgdDescription,
  decodeIgdError,
} from '../../src/discovery/port-mapping/igd-message.js';
import { decodeNatPmpAnswer, encodeNatPmpAddress, encodeNatPmpMap } from '../../src/discovery/port-mapping/nat-pmp.js';
import { decodePcpAnswer, encodePcpMap } from '../../src/discovery/port-mapping/pcp.js';
import { decodeSearchAnswer } from '../../src/discovery/port-mapping/ssdp-search.js';
import { parseXml } from '../../src/discovery/port-mapping/xml.js';
import { decodeAnnounceResponse } from '../../src/discovery/trackers/announce-response.js';
import { parseHttpUrl, parseUrl } from '../../src/discovery/trackers/announce-url.js';
import { decodeScrapeResponse } from '../../src/discovery/trackers/scrape.js';
import { decodeTrackerResponse } from '../../src/discovery/trackers/tracker-response.js';
import { parseUdpUrl } from '../../src/discovery/trackers/udp-tracker-call.js';
import { decodeNote, encodeNote } from '../../src/disk/worker/lock.js';
import { parseInfoHash, parseLink, parseMagnet } from '../../src/metainfo/magnet.js';
import { parseMetainfo } from '../../src/metainfo/parse-metainfo.js';
import { BlocklistParser } from '../../src/net/blocklist-parser.js';
import { decodeCompact, parseIp, parseNetwork } from '../../src/net/ip-address.js';
import { ConnectAnswerReader } from '../../src/net/proxy/http-connect.js';
import { ProxyHandshake } from '../../src/net/proxy/proxy-handshake.js';
import { parseProxy } from '../../src/net/proxy/proxy-server.js';
import {
  decodeSocksDatagram,
  decodeSocksMethod,
  decodeSocksReply,
  decodeSocksVerdict,
  encodeSocksDatagram,
} from '../../src/net/proxy/socks5.js';
import type { SingleSocket } from '../../src/net/raw-server.js';
import { parseRequestTarget } from '../../src/net/request-target.js';
import { encodeHead, encodeRecords, lastSeal } from '../../src/resume/journal-format.js';
import { isJournal, ownerIn, readJournal } from '../../src/resume/read-journal.js';
import { decodePexMessage, encodePexMessage } from '../../src/swarm/extensions/peer-exchange.js';
import { parseContentRange } from '../../src/swarm/web-seed/range-answer.js';
import { parseQuery, readAnnounce } from '../../src/tracker/announce-query.js';
import { HttpConnection } from '../../src/tracker/http-connection.js';
import { TorrentTable } from '../../src/tracker/torrent-table.js';
import { DEFAULT_HTTP_OPTIONS, DEFAULT_TRACKER_OPTIONS } from '../../src/tracker/tracker-options.js';
import { restoreState } from '../../src/tracker/tracker-state.js';
import { TrustedProxies } from '../../src/tracker/trusted-proxies.js';
import { decodeBitfield } from '../../src/wire/bitfield.js';
import { decodeExtensionHandshake, encodeExtensionHandshake, SILENT_HANDSHAKE } from '../../src/wire/extended.js';
import { Framer, type Step } from '../../src/wire/framer.js';
import { encodeHandshake, readHandshakeHead, readPeerId } from '../../src/wire/handshake.js';
import { decodeHashMessage, encodeHashMessage } from '../../src/wire/hash-message.js';
import { decodeMessage, encodeMessage } from '../../src/wire/message.js';
import { decodeMetadataMessage, encodeMetadataMessage } from '../../src/wire/metadata-message.js';
import { decodeUdpAnswer, encodeUdpAnswer } from '../../src/wire/udp-tracker-answer.js';
import { decodeUdpRequest, encodeUdpRequest } from '../../src/wire/udp-tracker-request.js';
import { seededRandom } from '../support/simulation/seeded-random.js';
import { v2Torrent } from '../support/v2-torrent.js';
import { accepting, dialling, type MseSide } from '../support/worlds/mse-pair.js';

export interface FuzzedDecoder {
  /** The exported function or class, and its file below src. */
  readonly name: string;
  readonly file: string;
  /** Whether it says by a BtgetError that the input is bad; others throw nothing. */
  readonly throwsBtgetError?: true;
  /** What the door lets through at the most, in bytes, where that is less than the 64 KiB of the longest input. */
  readonly maxLength?: number;
  /**
   * Bytes of memory for each byte of input, where 16 are too few: the bencode package gives each string a buffer of its
   * own, 200 bytes and more, and a torrent may have three million of them; each parameter of a link is copied a few
   * times. The user chooses torrents and links, and a tracker's state is believed only when no other user can have
   * written it. Secrets are hidden in links too; of a tracker's words in 1,024 characters at the most. Peers and nodes
   * get no more than the usual factor, and of trackers and web servers only the head and the chunks of an answer do.
   */
  readonly memoryFactor?: number;
  /** Makes of a damaged input what is decoded; its cost does not count. */
  readonly prepare?: (bytes: Buffer) => Buffer;
  /** At least one. */
  readonly seeds: () => readonly Buffer[];
  readonly decode: (bytes: Buffer) => unknown;
}

const FIXTURES = fileURLToPath(new URL('../../../fixtures/', import.meta.url));
const CORPUS = fileURLToPath(new URL('../../../../shared/corpus/', import.meta.url));
const HASH = Buffer.alloc(20, 0x5a);
const OTHER_HASH = Buffer.alloc(20, 0xa5);
const HASH_RANGE = { root: Buffer.alloc(32, 0x5a), base: 1, index: 4, length: 4, proof: 2 };
const PEERS4 = Buffer.from('c00002011ae1c633640a1ae1', 'hex');
const PEERS6 = Buffer.from('20010db80000000000000000000000011ae1', 'hex');
const NEVER: Timers = { now: () => 0, addTask: () => ({ cancel: () => undefined }) };

/** Of torrents, of links, and of what is kept as bencode. */
const CHOSEN_MEMORY_FACTOR = 256;
/** Long ones make nearly every mutation one of hashes. */
const MAX_SEED_LENGTH = 16 * 1024;

/** Torrents of version 2 and hybrids, with piece layers, a folder in a folder, a link and an empty file. */
const SAMPLES: readonly Buffer[] = (['2', 'hybrid'] as const).map((version) => {
  const long = { path: 'top/a', length: 40_000 };
  const others = [{ path: 'top/b/10', length: 5 }, { path: 'top/b/9' }, { path: 'top/link', symlink: 'top/a' }];
  return v2Torrent([long, ...others], 16_384, version).torrent;
});

function torrents(): readonly Buffer[] {
  const folders = [FIXTURES, ...(existsSync(CORPUS) ? readdirSync(CORPUS).map((name) => join(CORPUS, name)) : [])];
  const found = folders
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
    .filter((path) => path.endsWith('.torrent'))
    .map((path) => readFileSync(path))
    .filter(({ length }) => length <= MAX_SEED_LENGTH);
  return [...found, ...SAMPLES];
}

function texts(...lines: readonly string[]): () => readonly Buffer[] {
  return () => lines.map((line) => Buffer.from(line, 'latin1'));
}

/** A decoder of text is given each byte as a Latin-1 character, or the bytes as UTF-8: their number says which. */
function ofText(decode: (text: string) => unknown): (bytes: Buffer) => unknown {
  return (bytes) => decode(bytes.toString(bytes.length % 2 === 0 ? 'latin1' : 'utf8'));
}

function bencoded(fields: Readonly<Record<string, Parameters<typeof encodeBencode>[0]>>): Buffer {
  return encodeBencode(new Map(Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1))));
}

function trackerAnswers(): readonly Buffer[] {
  const peers = [{ ip: '192.0.2.1', port: 6881, 'peer id': HASH }].map(
    (peer) => new Map<string, string | number | Buffer>(Object.entries(peer).sort()),
  );
  return [
    bencoded({ interval: 1800, 'min interval': 60, complete: 3, incomplete: 4, peers: PEERS4, peers6: PEERS6 }),
    bencoded({ interval: 1800, peers, 'tracker id': 'abc', 'warning message': 'slow down' }),
    bencoded({ 'failure reason': 'no such torrent', 'retry in': 'never', interval: 900 }),
    bencoded({ interval: 900, peers: '', 'external ip': Buffer.from([192, 0, 2, 9]) }),
  ];
}

function scrapes(): readonly Buffer[] {
  const counts = new Map([
    ['complete', 3],
    ['downloaded', 8],
    ['incomplete', 5],
  ]);
  return [
    bencoded({ files: new Map([[HASH.toString('latin1'), counts]]), flags: new Map([['min_request_interval', 9]]) }),
  ];
}

/** Without their length prefix, as a Framer hands them on. */
function hashMessages(): readonly Buffer[] {
  return [
    encodeHashMessage({ type: 'hashRequest', range: HASH_RANGE }),
    encodeHashMessage({ type: 'hashes', range: HASH_RANGE, hashes: Buffer.alloc(5 * 32, 7) }),
    encodeHashMessage({ type: 'hashReject', range: HASH_RANGE }),
  ].map((message) => message.subarray(4));
}

function wireMessages(): readonly Buffer[] {
  const span = { piece: 3, begin: 16_384, length: 16_384 };
  return [
    encodeMessage({ type: 'choke' }),
    encodeMessage({ type: 'have', piece: 7 }),
    encodeMessage({ type: 'request', ...span }),
    encodeMessage({ type: 'cancel', ...span }),
    Buffer.from('00000005060000000000004000', 'hex'),
    Buffer.concat([Buffer.from('0000000d0700000003000040000102030405', 'hex')]),
    Buffer.from('00000003090102', 'hex'),
    Buffer.from('0000000505fffefdfc', 'hex'),
    Buffer.from('000000010e0000000d10000000030000400000004000', 'hex'),
    Buffer.from('00000012140064313a6d6465', 'hex'),
    ...hashMessages(),
  ].map((message) => message.subarray(4));
}

function dhtMessages(): readonly Buffer[] {
  const query = (method: string, fields: Readonly<Record<string, Parameters<typeof encodeBencode>[0]>>): Buffer =>
    bencoded({ a: dictionary({ id: HASH, ...fields }), q: method, t: 'aa', y: 'q' });
  const answer = (fields: Readonly<Record<string, Parameters<typeof encodeBencode>[0]>>): Buffer =>
    bencoded({ ip: PEERS4.subarray(0, 6), r: dictionary({ id: HASH, ...fields }), t: 'aa', y: 'r' });
  const nodes = encodeContacts([contactAt(HASH, { host: '192.0.2.1', port: 6881 })]);
  const nodes6 = encodeContacts([contactAt(OTHER_HASH, { host: '2001:db8::1', port: 6881 })]);
  const signed = { k: Buffer.alloc(32, 1), sig: Buffer.alloc(64, 2), seq: 4, v: 'value' };
  return [
    query('ping', {}),
    query('find_node', { target: OTHER_HASH, want: ['n4', 'n6'] }),
    query('get_peers', { info_hash: OTHER_HASH, noseed: 1, scrape: 1 }),
    query('announce_peer', { info_hash: OTHER_HASH, implied_port: 1, port: 6881, token: 'tok', seed: 1 }),
    query('get', { target: OTHER_HASH, seq: 3 }),
    query('put', { token: 'tok', salt: 'salt', cas: 3, ...signed }),
    query('sample_infohashes', { target: OTHER_HASH }),
    answer({ nodes, nodes6, token: 'tok', values: [PEERS4.subarray(0, 6), PEERS6] }),
    answer({ ...signed, BFsd: Buffer.alloc(256), BFpe: Buffer.alloc(256), interval: 60, samples: HASH, num: 1 }),
    bencoded({ e: [203, 'protocol'], t: 'aa', y: 'e', v: 'LT01' }),
  ];
}

function dictionary(
  fields: Readonly<Record<string, Parameters<typeof encodeBencode>[0]>>,
): Map<string, Parameters<typeof encodeBencode>[0]> {
  return new Map(Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1)));
}

const OWNER = { infoHash: HASH, pieceCount: 100, fileCount: 3 };

function journals(): readonly Buffer[] {
  const head = encodeHead(OWNER, Buffer.alloc(8, 3));
  const identity = { length: 500, changedAt: 12n, inode: 7n, bornAt: 5n };
  const records = encodeRecords(lastSeal(head), [
    { kind: 'files', files: new Map([[0, identity]]) },
    { kind: 'pieces', runs: [{ first: 0, end: 40 }] },
    { kind: 'written', runs: [{ first: 41, end: 50 }] },
    { kind: 'blocks', piece: 60, sums: new Map([[1, 0x1234]]) },
    { kind: 'end' },
  ]);
  return [Buffer.concat([head, records]), head];
}

/**
 * The journal whose records are the runs of bytes in `bytes`, each with its right seal: damage within a record, which
 * the seal would else end before anything looks at it.
 */
function sealed(bytes: Buffer): Buffer {
  const head = encodeHead(OWNER, Buffer.alloc(8, 3));
  const runs: { first: number; end: number }[] = [];
  for (let at = 0; at + 8 <= bytes.length; at += 8)
    runs.push({ first: bytes.readUInt32BE(at), end: bytes.readUInt32BE(at + 4) });
  const sums = new Map(runs.map(({ first, end }) => [first, end] as const));
  return Buffer.concat([
    head,
    encodeRecords(lastSeal(head), [
      { kind: 'pieces', runs },
      { kind: 'blocks', piece: bytes[0] ?? 0, sums },
      { kind: 'written', runs },
    ]),
  ]);
}

/** Feeds `bytes` in parts whose lengths follow from the bytes themselves, so that a failure comes again. */
function inParts(bytes: Buffer, feed: (part: Buffer) => void, isOver: () => boolean = () => false): void {
  // A part costs a hundred bytes itself, so that more than a thousand would hide what the decoder costs.
  const grain = (bytes.length >> 10) + 1;
  for (let begin = 0; begin < bytes.length && !isOver(); ) {
    const end = begin + grain * (1 + ((bytes[begin] as number) % 97));
    feed(bytes.subarray(begin, end));
    begin = end;
  }
}

/** The answers of a kept connection, one behind the other. */
function readHttpAnswers(bytes: Buffer): boolean {
  let whole = 0;
  let isOver = false;
  const ended = (): void => {
    whole += 1;
  };
  const failed = (): void => {
    isOver = true;
  };
  const makeReader = (): HttpResponseReader =>
    new HttpResponseReader({ gotHead: () => undefined, gotBody: () => undefined, ended, failed }, 1 << 20);
  let reader = makeReader();
  inParts(
    bytes,
    (part) => {
      for (let at = 0; at < part.length && !isOver; ) {
        at += reader.feed(at === 0 ? part : part.subarray(at));
        if (!reader.isOver) continue;
        if (reader.keepsConnection) reader = makeReader();
        else isOver = true;
      }
    },
    () => isOver,
  );
  reader.end();
  return whole > 0;
}

function readHttpRequest(bytes: Buffer): boolean {
  let isAsked = false;
  const ignore = (): void => undefined;
  const socket: SingleSocket = {
    remote: { host: '192.0.2.1', port: 1 },
    locallyInitiated: false,
    lastHit: 0,
    unsentLength: 0,
    write: ignore,
    isFlushed: () => true,
    pauseReading: ignore,
    resumeReading: ignore,
    end: ignore,
    close: ignore,
  };
  const get = ({ query }: { readonly query: string }) => {
    isAsked = typeof readAnnounce(parseQuery(query), '192.0.2.1') !== 'string';
    return { status: 200, contentType: 'text/plain', body: Buffer.alloc(0) };
  };
  const connection = new HttpConnection(socket, NEVER, get, DEFAULT_HTTP_OPTIONS, ignore);
  inParts(bytes, (part) => connection.dataCameIn(socket, part));
  return isAsked;
}

function readHandshake(bytes: Buffer): boolean {
  let isWhole = false;
  const gotPeerId = (): Step => {
    isWhole = true;
    return { kind: 'refuse', reason: { code: 'own-peer-id' } };
  };
  const first = readHandshakeHead(() => readPeerId(gotPeerId));
  // The connection ends with the refusal, and nothing more comes.
  let isOver = false;
  const framer = new Framer(first.nextLen, first.nextFunc, () => {
    isOver = true;
  });
  inParts(
    bytes,
    (part) => framer.dataCameIn(part),
    () => isOver,
  );
  return isWhole;
}

/** Both sides of an encrypted handshake whose keys and padding are the same each time, so that damage comes alone. */
function mseSides(): { readonly dialler: MseSide; readonly acceptor: MseSide } {
  return { dialler: dialling(seededRandom(1)), acceptor: accepting(seededRandom(2)) };
}

/** What the dialler and the acceptor say in a whole handshake. */
function mseStreams(): { readonly dialled: Buffer; readonly accepted: Buffer } {
  const { dialler, acceptor } = mseSides();
  const key = dialler.take();
  acceptor.dataCameIn(key);
  const otherKey = acceptor.take();
  dialler.dataCameIn(otherKey);
  const offer = dialler.take();
  acceptor.dataCameIn(offer);
  return { dialled: Buffer.concat([key, offer]), accepted: Buffer.concat([otherKey, acceptor.take()]) };
}

/** Whether `side` agrees with `bytes`. What follows the handshake is for other readers. */
function agrees(side: MseSide, bytes: Buffer): boolean {
  const isOver = (): boolean => side.agreement !== null || side.refused !== null;
  inParts(bytes, (part) => side.dataCameIn(part), isOver);
  return side.agreement !== null;
}

const URLS = texts(
  'http://user:pass@tracker.example:8080/announce?key=1#x',
  'https://[2001:db8::1]:443/a/b%20c',
  'udp://tracker.example:6969/announce',
  'http://0x7f000001/announce',
);
const MAGNETS = texts(
  'magnet:?xt=urn:btih:5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a&dn=a%20name&tr=http://t.example/announce&x.pe=192.0.2.1:6881&so=0,2-5&xl=100',
  'magnet:?xt=urn:btih:LJNFUWS2LJNFUWS2LJNFUWS2LJNFUWS2&ws=http://s.example/&dht=h.example:1&xt.1=urn:btmh:1220',
  '5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a',
);
const REDACTED = texts(
  "the tracker says 'user:pass@host/announce?passkey=0123456789abcdef' (http://t.example/a%2Fb%3Dc!!!)",
);
const XML = texts(
  '<?xml version="1.0"?><root><URLBase>http://192.168.1.1:80/</URLBase><device><serviceList><service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType><controlURL>/ctl</controlURL></service></serviceList></device></root>',
  '<s:Envelope><s:Body><UPnPError><errorCode>718</errorCode><errorDescription>no &amp; no</errorDescription></UPnPError></s:Body></s:Envelope>',
  '<a><!-- c --><b x="1"/><![CDATA[ ]]><NewExternalIPAddress>203.0.113.1</NewExternalIPAddress></a>',
);

const CONNECT_ANSWERS = texts(
  'HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\nrest',
  'HTTP/1.0 407 Proxy Authentication Required\nProxy-Authenticate: Basic realm="x"\n\n<html>',
  'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200\r\n\r\nrest',
);

/** The replies to a request, for IPv4, IPv6, a name, and one that is not granted. */
function socksReplies(): readonly Buffer[] {
  return ['050000010a0000010438', `05000004${'20010db8'.padEnd(32, '0')}1ae1`, '0500000303616263270f', '05050001'].map(
    (hex) => Buffer.from(hex, 'hex'),
  );
}

/** Whether a proxy that says `bytes` has connected us. */
function passesProxy(kind: 'socks5' | 'http', bytes: Buffer): boolean {
  const credentials = { user: 'u', password: 'p' };
  const proxy = { kind, host: '192.0.2.1', port: 1080, credentials, shown: '192.0.2.1:1080' };
  const handshake = new ProxyHandshake(proxy, 'connect', { host: '192.0.2.2', port: 80 }, () => undefined);
  handshake.begin();
  let isOpen: boolean | null = null;
  const feed = (part: Buffer): void => {
    isOpen = handshake.dataCameIn(part)?.ok ?? null;
  };
  inParts(bytes, feed, () => isOpen !== null);
  return isOpen === true;
}

export const FUZZED_DECODERS: readonly FuzzedDecoder[] = [
  {
    file: 'base/redaction.ts',
    name: 'redactText',
    memoryFactor: CHOSEN_MEMORY_FACTOR,
    seeds: () => [...URLS(), ...MAGNETS(), ...REDACTED()],
    decode: ofText(redactText),
  },
  {
    file: 'bencode/bencode.ts',
    name: 'decodeBencode',
    memoryFactor: CHOSEN_MEMORY_FACTOR,
    throwsBtgetError: true,
    seeds: torrents,
    decode: (bytes) => decodeBencode(bytes, TOLERANT),
  },
  {
    file: 'bencode/bencode.ts',
    name: 'decodeBencodeParts',
    memoryFactor: CHOSEN_MEMORY_FACTOR,
    throwsBtgetError: true,
    seeds: torrents,
    decode: (bytes) => decodeBencodeParts(bytes, { ...CANONICAL, rawKey: 'info' }),
  },
  {
    file: 'metainfo/parse-metainfo.ts',
    name: 'parseMetainfo',
    memoryFactor: CHOSEN_MEMORY_FACTOR,
    throwsBtgetError: true,
    seeds: torrents,
    decode: parseMetainfo,
  },
  {
    file: 'metainfo/magnet.ts',
    name: 'parseMagnet',
    memoryFactor: CHOSEN_MEMORY_FACTOR,
    throwsBtgetError: true,
    seeds: MAGNETS,
    decode: ofText(parseMagnet),
  },
  { file: 'metainfo/magnet.ts', name: 'parseInfoHash', seeds: MAGNETS, decode: ofText(parseInfoHash) },
  {
    file: 'metainfo/magnet.ts',
    name: 'parseLink',
    memoryFactor: CHOSEN_MEMORY_FACTOR,
    throwsBtgetError: true,
    seeds: MAGNETS,
    decode: ofText(parseLink),
  },
  {
    file: 'cli/source/recognise.ts',
    name: 'recognise',
    memoryFactor: CHOSEN_MEMORY_FACTOR,
    seeds: () => [...torrents(), ...XML(), ...MAGNETS()],
    decode: recognise,
  },
  { file: 'cli/source/source-text.ts', name: 'decodeText', seeds: MAGNETS, decode: decodeText },
  {
    file: 'cli/source/source-text.ts',
    name: 'bareSource',
    seeds: texts('<magnet:?xt=urn:btih:5a>', ' "a b" '),
    decode: ofText(bareSource),
  },
  { file: 'discovery/trackers/announce-url.ts', name: 'parseUrl', seeds: URLS, decode: ofText(parseUrl) },
  { file: 'discovery/trackers/announce-url.ts', name: 'parseHttpUrl', seeds: URLS, decode: ofText(parseHttpUrl) },
  { file: 'discovery/trackers/udp-tracker-call.ts', name: 'parseUdpUrl', seeds: URLS, decode: ofText(parseUdpUrl) },
  {
    file: 'discovery/trackers/tracker-response.ts',
    name: 'decodeTrackerResponse',
    seeds: trackerAnswers,
    decode: decodeTrackerResponse,
  },
  {
    file: 'discovery/trackers/announce-response.ts',
    name: 'decodeAnnounceResponse',
    seeds: trackerAnswers,
    decode: decodeAnnounceResponse,
  },
  {
    file: 'discovery/trackers/scrape.ts',
    name: 'decodeScrapeResponse',
    seeds: scrapes,
    decode: (bytes) => decodeScrapeResponse(bytes, [HASH]),
  },
  {
    file: 'discovery/http/http-response.ts',
    name: 'HttpResponseReader',
    // Each line is text of its own, which is gone when the next one comes: a chunk of a byte has two.
    memoryFactor: 64,
    seeds: texts(
      'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nSet-Cookie: a=b\r\n\r\nhello',
      'HTTP/1.0 302 Found\r\nLocation: http://x/\r\n folded\r\n\r\n',
      `HTTP/1.1 200 OK\r\nA: b\r\n${`${' c'.repeat(30)}\r\n`.repeat(9)}\r\n`,
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${'1\nx\n'.repeat(30)}0\r\n\r\n`,
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=1\r\nhello\r\n0\r\nA: b\r\n\r\n',
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nrest',
      'HTTP/1.1 206 x\r\nContent-Length: 2\r\n\r\nok'.repeat(3),
    ),
    decode: readHttpAnswers,
  },
  {
    file: 'discovery/http/http-cookies.ts',
    name: 'HttpCookies',
    seeds: texts('a=b; Path=/x; Secure; Max-Age=0', 'k=v; Expires=Wed, 09 Jun 2100 10:18:14 GMT; Domain=.x'),
    decode: ofText((text) => {
      const cookies = new HttpCookies();
      cookies.take(new URL('http://t.example/a/b'), text.split('\n'));
      return cookies.headerFor(new URL('http://t.example/a/c'));
    }),
  },
  { file: 'discovery/dht/decode-message.ts', name: 'decodeMessage', seeds: dhtMessages, decode: decodeDhtMessage },
  {
    file: 'discovery/dht/contact.ts',
    name: 'decodeContacts',
    seeds: () => [encodeContacts([contactAt(HASH, { host: '192.0.2.1', port: 6881 })]), PEERS6],
    decode: (bytes) => [decodeContacts(bytes, 4, 100), decodeContacts(bytes, 6, 100)],
  },
  {
    file: 'discovery/dht/dht-state.ts',
    name: 'decodeState',
    seeds: () => [
      encodeState({
        ipv4: { id: HASH, contacts: [contactAt(OTHER_HASH, { host: '192.0.2.1', port: 6881 })] },
        ipv6: null,
      }),
    ],
    decode: decodeState,
  },
  {
    file: 'discovery/lsd/lsd-message.ts',
    name: 'decodeLsdAnnounce',
    seeds: () => [encodeLsdAnnounce(4, { port: 6881, infoHashes: [HASH, OTHER_HASH], cookie: 'c' })],
    decode: decodeLsdAnnounce,
  },
  {
    file: 'discovery/port-mapping/nat-pmp.ts',
    name: 'decodeNatPmpAnswer',
    seeds: () => [
      encodeNatPmpAddress(),
      encodeNatPmpMap('tcp', 6881, 60),
      Buffer.from('008000000000006ec0000201', 'hex'),
      Buffer.from('0082000000000001e11ae100000e10ff', 'hex'),
    ],
    decode: decodeNatPmpAnswer,
  },
  {
    file: 'discovery/port-mapping/pcp.ts',
    name: 'decodePcpAnswer',
    seeds: () => [
      Buffer.concat([
        Buffer.from('02810000', 'hex'),
        encodePcpMap({
          lifetime: 60,
          client: '192.0.2.1',
          nonce: Buffer.alloc(12),
          transport: 'tcp',
          port: 6881,
        }).subarray(4),
      ]),
    ],
    decode: decodePcpAnswer,
  },
  {
    file: 'discovery/port-mapping/ssdp-search.ts',
    name: 'decodeSearchAnswer',
    seeds: texts(
      'HTTP/1.1 200 OK\r\nST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\nUSN: uuid:1::urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\nLOCATION: http://192.168.1.1:5000/d.xml\r\n\r\n',
    ),
    decode: (bytes) => decodeSearchAnswer(bytes, '192.168.1.1'),
  },
  { file: 'discovery/port-mapping/xml.ts', name: 'parseXml', seeds: XML, decode: ofText(parseXml) },
  {
    file: 'discovery/port-mapping/igd-message.ts',
    name: 'decodeIgdDescription',
    seeds: XML,
    decode: (bytes) => decodeIgdDescription(bytes, new URL('http://192.168.1.1:80/d.xml'), '192.168.1.1'),
  },
  {
    file: 'discovery/port-mapping/igd-message.ts',
    name: 'decodeExternalAddress',
    seeds: XML,
    decode: decodeExternalAddress,
  },
  { file: 'discovery/port-mapping/igd-message.ts', name: 'decodeIgdError', seeds: XML, decode: decodeIgdError },
  {
    file: 'swarm/web-seed/range-answer.ts',
    name: 'parseContentRange',
    seeds: texts('bytes 0-499/1234', 'bytes 1000-1999/*'),
    decode: ofText(parseContentRange),
  },
  {
    file: 'net/ip-address.ts',
    name: 'parseIp',
    seeds: texts('192.0.2.1', '2001:db8::1', '::ffff:192.0.2.1', 'fe80::1%eth0'),
    decode: ofText(parseIp),
  },
  {
    file: 'net/ip-address.ts',
    name: 'decodeCompact',
    seeds: () => [PEERS4, PEERS6],
    decode: (bytes) => [decodeCompact(bytes, 4), decodeCompact(bytes, 6)],
  },
  {
    file: 'net/ip-address.ts',
    name: 'parseNetwork',
    seeds: texts('192.0.2.0/24', '2001:db8::/32', '::ffff:1.2.3.4/120'),
    decode: ofText(parseNetwork),
  },
  {
    file: 'net/blocklist-parser.ts',
    name: 'BlocklistParser',
    // A range of IPv6 has 32 bytes and may be spelled in five. What collects them doubles, and is copied once.
    memoryFactor: 48,
    seeds: texts(
      'x:1.2.3.4-1.2.3.9\n001.002.003.004 - 001.002.003.009 , 000 , y\n192.0.2.0/24 ; z',
      'x:2001:db8::1-2001:db8::9\n2001:db8::/32\n2001:db8::1 - 2001:db8::9 , 128 , y\r\n',
    ),
    decode: (bytes) => {
      const parser = new BlocklistParser();
      parser.feed(bytes);
      return [parser.endList(), parser.tables()];
    },
  },
  {
    file: 'net/proxy/proxy-server.ts',
    name: 'parseProxy',
    memoryFactor: CHOSEN_MEMORY_FACTOR,
    throwsBtgetError: true,
    seeds: texts('socks5://user:pass%20word@proxy.example:1081', 'http://[2001:db8::1]:3128/', 'socks5h://192.0.2.1'),
    decode: ofText((text) => parseProxy(text, '--proxy')),
  },
  {
    file: 'net/proxy/http-connect.ts',
    name: 'ConnectAnswerReader',
    seeds: CONNECT_ANSWERS,
    decode: (bytes) => new ConnectAnswerReader().feed(bytes),
  },
  {
    file: 'net/proxy/socks5.ts',
    name: 'decodeSocksMethod',
    seeds: () => [Buffer.from('0500', 'hex'), Buffer.from('05ff', 'hex')],
    decode: decodeSocksMethod,
  },
  {
    file: 'net/proxy/socks5.ts',
    name: 'decodeSocksVerdict',
    seeds: () => [Buffer.from('0100', 'hex')],
    decode: decodeSocksVerdict,
  },
  { file: 'net/proxy/socks5.ts', name: 'decodeSocksReply', seeds: socksReplies, decode: decodeSocksReply },
  {
    file: 'net/proxy/socks5.ts',
    name: 'decodeSocksDatagram',
    seeds: () =>
      ['192.0.2.1', '2001:db8::1', 'node.example'].map((host) =>
        encodeSocksDatagram({ host, port: 6881 }, Buffer.from('a datagram')),
      ),
    decode: decodeSocksDatagram,
  },
  {
    file: 'net/proxy/proxy-handshake.ts',
    name: 'ProxyHandshake (socks5)',
    seeds: () =>
      socksReplies().flatMap((reply) =>
        ['0500', '05020100'].map((begin) => Buffer.concat([Buffer.from(begin, 'hex'), reply])),
      ),
    decode: (bytes) => passesProxy('socks5', bytes),
  },
  {
    file: 'net/proxy/proxy-handshake.ts',
    name: 'ProxyHandshake (http)',
    seeds: CONNECT_ANSWERS,
    decode: (bytes) => passesProxy('http', bytes),
  },
  {
    file: 'resume/read-journal.ts',
    name: 'readJournal',
    seeds: journals,
    decode: (bytes) => readJournal(bytes, OWNER),
  },
  {
    file: 'resume/read-journal.ts',
    name: 'readJournal',
    seeds: journals,
    prepare: sealed,
    decode: (bytes) => readJournal(bytes, OWNER),
  },
  {
    file: 'resume/read-journal.ts',
    name: 'ownerIn',
    seeds: journals,
    decode: (bytes) => [isJournal(bytes), ownerIn(bytes)],
  },
  {
    file: 'disk/worker/lock.ts',
    name: 'decodeNote',
    seeds: () => [
      encodeNote({ pid: 1, host: 'h', space: 's', start: '5', since: '2026-01-01T00:00:00Z', token: '0123abcd' }),
    ],
    decode: decodeNote,
  },
  {
    file: 'swarm/extensions/peer-exchange.ts',
    name: 'decodePexMessage',
    seeds: () => [
      encodePexMessage({
        added: [
          { address: { host: '192.0.2.1', port: 6881 }, isSeed: true, isReachable: true, prefersEncryption: true },
          { address: { host: '2001:db8::1', port: 6881 }, isSeed: false, isReachable: false, prefersEncryption: false },
        ],
        dropped: [{ host: '192.0.2.2', port: 1 }],
      }),
    ],
    decode: decodePexMessage,
  },
  {
    file: 'wire/handshake.ts',
    name: 'readHandshakeHead',
    seeds: () => [encodeHandshake(HASH, OTHER_HASH, Buffer.alloc(8))],
    decode: readHandshake,
  },
  {
    file: 'wire/mse/mse-accept.ts',
    name: 'acceptMse',
    seeds: () => [mseStreams().dialled],
    decode: (bytes) => agrees(mseSides().acceptor, bytes),
  },
  {
    file: 'wire/mse/mse-dial.ts',
    name: 'dialMse',
    seeds: () => [mseStreams().accepted],
    decode: (bytes) => agrees(mseSides().dialler, bytes),
  },
  { file: 'wire/message.ts', name: 'decodeMessage', seeds: wireMessages, decode: decodeMessage },
  { file: 'wire/hash-message.ts', name: 'decodeHashMessage', seeds: hashMessages, decode: decodeHashMessage },
  {
    file: 'wire/bitfield.ts',
    name: 'decodeBitfield',
    seeds: () => [Buffer.from('fffe', 'hex'), Buffer.alloc(125, 0xff)],
    decode: (bytes) => [
      decodeBitfield(bytes, 15),
      decodeBitfield(bytes, bytes.length * 8),
      decodeBitfield(bytes, 1000),
    ],
  },
  {
    file: 'wire/extended.ts',
    name: 'decodeExtensionHandshake',
    seeds: () => [
      encodeExtensionHandshake({
        ...SILENT_HANDSHAKE,
        ids: new Map([
          ['ut_pex', 1],
          ['ut_metadata', 2],
        ]),
        version: 'x 1',
        port: 6881,
        requestQueue: 500,
        metadataSize: 20_000,
      }),
    ],
    decode: decodeExtensionHandshake,
  },
  {
    file: 'wire/metadata-message.ts',
    name: 'decodeMetadataMessage',
    seeds: () => [
      encodeMetadataMessage({ type: 'request', piece: 1 }),
      encodeMetadataMessage({ type: 'reject', piece: 1 }),
      encodeMetadataMessage({ type: 'data', piece: 1, totalSize: 30_000, data: Buffer.alloc(500) }),
    ],
    decode: decodeMetadataMessage,
  },
  {
    file: 'wire/udp-tracker-answer.ts',
    name: 'decodeUdpAnswer',
    seeds: () => [
      encodeUdpAnswer({ kind: 'connect', transactionId: 7, connectionId: Buffer.alloc(8, 1) }),
      Buffer.from('0000000100000007000007080000000300000004c00002011ae1', 'hex'),
      Buffer.from('00000003000000076e6f', 'hex'),
      Buffer.from('0000000200000007000000010000000200000003', 'hex'),
    ],
    decode: decodeUdpAnswer,
  },
  {
    file: 'wire/udp-tracker-request.ts',
    name: 'decodeUdpRequest',
    seeds: () => [
      encodeUdpRequest({ kind: 'connect', transactionId: 7 }),
      encodeUdpRequest({ kind: 'scrape', transactionId: 7, connectionId: Buffer.alloc(8, 1), infoHashes: [HASH] }),
      Buffer.concat([Buffer.from('01010101010101010000000100000007', 'hex'), HASH, OTHER_HASH, Buffer.alloc(46)]),
    ],
    decode: decodeUdpRequest,
  },
  {
    file: 'tracker/announce-query.ts',
    name: 'parseQuery',
    maxLength: DEFAULT_HTTP_OPTIONS.maxLineLength,
    seeds: texts(
      'info_hash=%5a%5a&peer_id=-GB0100-000000000000&port=6881&uploaded=0&left=5&event=started&ip=192.0.2.1&compact=1',
    ),
    decode: ofText(parseQuery),
  },
  {
    file: 'tracker/announce-query.ts',
    name: 'readAnnounce',
    maxLength: DEFAULT_HTTP_OPTIONS.maxLineLength,
    seeds: texts(
      'info_hash=ZZZZZZZZZZZZZZZZZZZZ&peer_id=-GB0100-000000000000&port=6881&uploaded=0&left=5&event=started&ip=192.0.2.1&numwant=50&key=x',
    ),
    decode: ofText((text) => readAnnounce(parseQuery(text), '192.0.2.1')),
  },
  {
    file: 'net/request-target.ts',
    name: 'parseRequestTarget',
    seeds: texts('/announce?info_hash=%5a&port=1', 'http://192.0.2.1:6969/announce?port=1', 'HTTPS://[2001:db8::1]'),
    decode: ofText(parseRequestTarget),
  },
  {
    file: 'tracker/http-connection.ts',
    name: 'HttpConnection',
    maxLength: DEFAULT_HTTP_OPTIONS.maxRequestLength,
    seeds: texts(
      'GET /announce?info_hash=ZZZZZZZZZZZZZZZZZZZZ&peer_id=-GB0100-000000000000&port=6881 HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 1.2.3.4, 5.6.7.8\r\nForwarded: for="[2001:db8::1]:5"\r\n\r\n',
      'HEAD / HTTP/1.0\n\n',
    ),
    decode: readHttpRequest,
  },
  {
    file: 'tracker/trusted-proxies.ts',
    name: 'TrustedProxies',
    maxLength: DEFAULT_HTTP_OPTIONS.maxRequestLength,
    seeds: texts(
      'for=192.0.2.60;proto=http;by=203.0.113.43, for="[2001:db8::1]:4711"',
      '192.0.2.7, 10.0.0.2:80, [2001:db8::2]:443, unknown',
    ),
    decode: ofText((text) => {
      // Every address is a proxy, so that each hop is looked at.
      const proxies = new TrustedProxies(['0.0.0.0/0', '::/0'].flatMap((network) => parseNetwork(network) ?? []));
      return [
        proxies.clientOf('192.0.2.1', { forwardedFor: [], forwarded: [text] }),
        proxies.clientOf('192.0.2.1', { forwardedFor: [text], forwarded: [] }),
      ];
    }),
  },
  {
    file: 'tracker/tracker-state.ts',
    name: 'restoreState',
    memoryFactor: CHOSEN_MEMORY_FACTOR,
    seeds: () => [
      bencoded({
        torrents: new Map([
          [HASH.toString('latin1'), dictionary({ downloaded: 3, peers: [[OTHER_HASH, '192.0.2.1', 6881, 'k', 1, 0]] })],
        ]),
        version: 1,
      }),
    ],
    decode: (bytes) => restoreState(new TorrentTable(DEFAULT_TRACKER_OPTIONS), bytes, 0),
  },
];

/** Functions with a decoder's name that are none of foreign bytes, or only part of one that is listed. */
export const NOT_FUZZED: Readonly<Record<string, string>> = {
  'bencode/guard.ts scanBencode': 'part of decodeBencode',
  'bencode/reader.ts BencodeReader': 'part of parseMetainfo',
  'cli/ca-certificates.ts readCaCertificates': 'reads a file that the user names, for OpenSSL',
  'cli/command-line.ts readCommandLine': "the user's own words",
  'cli/way-out.ts readWayOut': "the user's own words",
  'cli/config/config-file.ts readConfigFile': "the user's own words",
  'cli/config/config-file.ts parseConfig': "the user's own words",
  'cli/values.ts readWord': "the user's own words",
  'cli/values.ts readWhole': "the user's own words",
  'disk/failure.ts decodeFailure': 'a message of our own thread',
  'disk/system/trust.ts readKept': 'reads bytes and decodes nothing',
  'disk/files/block-reader.ts readBlocks': 'reads bytes and decodes nothing',
  'torrent/reading/content-reader.ts ContentReader': 'reads bytes and decodes nothing',
  'discovery/trackers/tracker-response.ts readable': 'part of decodeTrackerResponse',
  'cli/commands/node-deps.ts readBlocklistOf': 'part of BlocklistParser',
  'session/node-blocklists.ts readBlocklist': 'part of BlocklistParser',
  'net/ipv6-text.ts readIpv6': 'part of BlocklistParser',
  'net/node-read-blocklists.ts readLists': 'part of BlocklistParser',
  'net/node-read-blocklists.ts readListsInThread': 'part of BlocklistParser',
  'net/gateway-routes.ts parseIpv4Routes': "the kernel's own table",
  'net/gateway-routes.ts parseIpv6Routes': "the kernel's own table",
  'metainfo/file-list.ts parseFiles': 'part of parseMetainfo',
  'metainfo/parse-metadata.ts parseMetadata': 'wraps parseMetainfo',
  'metainfo/file-tree.ts parseFileTree': 'part of parseMetainfo',
  'metainfo/layers.ts parseLayers': 'part of parseMetainfo',
  'metainfo/parse-sources.ts parseHttpSeeds': 'part of parseMetainfo',
  'metainfo/parse-sources.ts parseNodes': 'part of parseMetainfo',
  'metainfo/parse-sources.ts parseTrackers': 'part of parseMetainfo',
  'metainfo/parse-sources.ts parseWebSeeds': 'part of parseMetainfo',
  'discovery/http/http-exchange.ts parseRetryAfter': 'part of the head; Number and Date.parse read it',
  'session/given.ts parseLink': 'wraps parseLink',
  'session/given.ts parseMetainfo': 'wraps parseMetainfo',
  'session/node-source.ts readSource': 'reads bytes and decodes nothing',
  'session/read-options.ts readOptions': "the user's own words",
  'wire/handshake.ts readPeerId': 'part of readHandshakeHead in the list',
};
