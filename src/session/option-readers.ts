/** How each option of a session and of a torrent is read at the face of the library. */
import type { UnusableProxy } from '../discovery/http/http-proxies.js';
import { Authorities } from '../discovery/http/http-tls.js';
import { isTrackerUrl, isWebSeedUrl } from '../metainfo/parse-sources.js';
import { resolveBind } from '../net/node-interfaces.js';
import { parseProxy } from '../net/proxy/proxy-server.js';
import { ENCRYPTION_POLICIES } from '../swarm/connections/dial-ways.js';
import type { TorrentOptions } from '../torrent/torrent-options.js';
import {
  amount,
  fields,
  fileName,
  having,
  listOf,
  node,
  oneOf,
  orNull,
  path,
  peer,
  type Reader,
  type Readers,
  text,
  truth,
  usable,
  whole,
  wrong,
} from './read-options.js';
import type { SessionOptions } from './session-options.js';

const rate: Reader<number | null> = orNull(amount(1, 'a number of bytes a second, at least 1 (null is no limit)'));

const proxyUrl: Reader<string> = (value, name) => {
  if (typeof value !== 'string') throw wrong(name, value, 'the URL of a proxy (socks5, socks5h or http)');
  parseProxy(value, name);
  return value;
};

const unusableProxy: Reader<UnusableProxy> = fields({ unusable: text('why it cannot be used') }, 'a proxy');
const httpProxy: Reader<string | UnusableProxy> = (value, name) =>
  typeof value === 'object' ? unusableProxy(value, name) : proxyUrl(value, name);

export const SESSION_READERS: Readers<SessionOptions> = {
  port: fields(
    { first: whole(0, 65_535), last: whole(0, 65_535) },
    'a range of ports such as { first: 6881, last: 6999 }',
    ({ first, last }) => first <= last,
  ),
  listen: truth,
  bind: orNull(usable('an address or the name of an interface', (bind) => resolveBind(bind))),
  blocklist: orNull(having('what readBlocklist resolves to', 'refuses', 'onReplaced')),
  proxy: orNull(proxyUrl),
  listenAnyway: truth,
  httpProxies: orNull(
    fields(
      { http: orNull(httpProxy), https: orNull(httpProxy), except: listOf(text('a host')) },
      "proxies such as { http: 'http://10.0.0.1:3128', https: null, except: ['localhost'] }",
    ),
  ),
  encryption: oneOf(...ENCRYPTION_POLICIES),
  useLsd: truth,
  usePortMapping: truth,
  caCertificates: orNull(usable('the text of certificates (PEM)', (pem) => new Authorities(pem))),
  maxDownload: rate,
  maxUpload: rate,
  useDht: truth,
  dhtNodes: listOf(node),
  dhtState: orNull(path),
};

/** What the program announces to. Trackers over WebSocket speak to browsers alone. */
export const trackerUrl: Reader<string> = text(
  'the URL of a tracker (http, https or udp)',
  (value) => isTrackerUrl(value) && !/^ws/i.test(value),
);

const seedRatio = amount(0, 'a ratio of at least 0 (null is no limit)');
const seedTime = amount(0, 'a time in milliseconds (null is no limit)');
const index = whole(0, 2_097_151);
const bytes = whole(1, Number.MAX_SAFE_INTEGER);

export const TORRENT_READERS: Readers<TorrentOptions> = {
  dir: path,
  outputName: orNull(fileName),
  mode: oneOf('download', 'seed'),
  seedGoal: orNull(
    fields({ ratio: orNull(seedRatio), time: orNull(seedTime) }, 'a goal such as { ratio: 2, time: null }'),
  ),
  superSeed: truth,
  sequential: truth,
  onDemand: orNull(
    fields({ window: bytes, kept: bytes }, 'limits in bytes such as { window: 16777216, kept: 67108864 }'),
  ),
  reuse: listOf(path),
  overwrite: truth,
  partNames: truth,
  selection: fields({
    select: listOf(text('a pattern or file numbers')),
    exclude: listOf(text('a pattern or file numbers')),
    ranges: orNull(
      listOf(
        fields(
          { first: index, last: index },
          'a range of files such as { first: 0, last: 2 }',
          ({ first, last }) => first <= last,
        ),
      ),
    ),
  }),
  preallocate: truth,
  check: truth,
  maxPeers: whole(1, 10_000),
  uploadSlots: orNull(whole(1, 10_000)),
  peers: listOf(peer),
  linkPeers: listOf(peer),
  trackers: listOf(trackerUrl),
  useTorrentTrackers: truth,
  webSeeds: listOf(text('an http(s) URL', isWebSeedUrl)),
  useTorrentWebSeeds: truth,
  usePex: truth,
};

/** It stands in a header of HTTP. */
export const userAgentText: Reader<string> = text('printable ASCII', (value) => /^[\x20-\x7e]+$/.test(value));
