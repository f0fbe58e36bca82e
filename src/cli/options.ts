/**
 * Every option of every command, declared once: its flags, its sentence in the help, its default, and how its text is
 * read. A command picks its options and gets typed values.
 */

import { META_VERSIONS } from '../metainfo/create-metainfo.js';
import type { Metainfo } from '../metainfo/metainfo.js';
import type { IpNetwork } from '../net/ip-address.js';
import type { PeerAddress } from '../net/raw-server.js';
import { DEFAULT_SESSION_OPTIONS } from '../session/session-options.js';
import { ENCRYPTION_POLICIES, type EncryptionPolicy } from '../swarm/connections/dial-ways.js';
import * as values from './values.js';

export interface OptionSpec<T> {
  /** As commander writes it: `-d, --dir <dir>`, `--quiet`, `--no-part`. */
  readonly flags: string;
  readonly sentence: string;
  readonly group: OptionGroup;
  /** The value when the user does not give the option. A repeatable option adds to it. */
  readonly initial: T;
  /**
   * Makes the value of the user's text; `before` is the value so far. Throws a 'usage' failure. A flag has no reader:
   * its value is true when the user gives it.
   */
  read?(text: string, option: string, before: T): T;
  /** The values that the option may have, where they are a list. */
  readonly words?: readonly string[];
  /** Set when the value is a path: any one, or the name of something in the folder of `--dir`. */
  readonly path?: 'any' | 'in-dir';
}

/** The options of a command, by the names of their values. */
export type OptionTable = Readonly<Record<string, OptionSpec<unknown>>>;

export type OptionGroup = 'Files' | 'Network' | 'Limits' | 'Output' | 'Torrent' | 'Tracker' | 'Configuration';

/** The values of the options `S`, by the same names. */
export type Values<S> = { readonly [K in keyof S]: S[K] extends OptionSpec<infer T> ? T : never };

function value<T>(
  group: OptionGroup,
  flags: string,
  sentence: string,
  initial: T,
  read: (text: string, option: string) => T,
): OptionSpec<T> {
  return { group, flags, sentence, initial, read };
}

function list<T>(
  group: OptionGroup,
  flags: string,
  sentence: string,
  read: (text: string, option: string) => T,
): OptionSpec<readonly T[]> {
  return { group, flags, sentence, initial: [], read: (text, option, before) => [...before, read(text, option)] };
}

function choice<T extends string>(
  group: OptionGroup,
  flags: string,
  sentence: string,
  initial: T,
  words: readonly T[],
): OptionSpec<T> {
  return { group, flags, sentence, initial, read: values.readWord(words), words };
}

/** `option`, whose value is a path. */
function path<T>(option: OptionSpec<T>, kind: 'any' | 'in-dir' = 'any'): OptionSpec<T> {
  return { ...option, path: kind };
}

function flag(group: OptionGroup, flags: string, sentence: string): OptionSpec<boolean> {
  return { group, flags, sentence, initial: false };
}

const nothing = null;
const number = (least: number, most: number) => values.readWhole(least, most);

/** The options of `download`. Other commands borrow from them. */
export const OPTIONS = {
  dir: path(
    value<string>('Files', '-d, --dir <dir>', 'where the content is or shall be (default: .)', '.', values.readText),
  ),
  output: path(
    value<string | null>('Files', '-o, --output <name>', "name instead of the torrent's own", nothing, values.readName),
    'in-dir',
  ),
  inputFile: path(
    value<string | null>(
      'Files',
      '-i, --input-file <file>',
      'read sources from a file, one a line, # for comments; - is stdin',
      nothing,
      values.readText,
    ),
  ),
  select: list<string>(
    'Files',
    '--select <pattern>',
    'only these files: numbers from show (1-3,7) or globs (*.mkv); repeatable',
    values.readText,
  ),
  exclude: list<string>('Files', '--exclude <pattern>', 'not these files; repeatable', values.readText),
  reuse: path(
    list<string>(
      'Files',
      '--reuse <dir>',
      'take files that lie below this folder instead of fetching them; repeatable',
      values.readText,
    ),
  ),
  preallocate: flag('Files', '--preallocate', 'take the room on the disk first, instead of as the data comes'),
  check: flag('Files', '--check', 'hash everything again, trust no saved state'),
  overwrite: flag('Files', '--overwrite', "replace a file that is not this torrent's"),
  noPart: flag('Files', '--no-part', 'write under the final name from the start'),
  sequential: flag('Files', '--sequential', 'fetch the pieces in order instead of rarest first'),
  onComplete: value<string | null>(
    'Files',
    '--on-complete <cmd>',
    'run a program when a torrent is done: no shell, JSON on its stdin and in BTGET_RESULT',
    nothing,
    values.readText,
  ),
  seed: flag('Limits', '--seed', 'go on seeding when done, until interrupted'),
  superSeed: flag('Limits', '--super-seed', 'as the only seed, show each piece to one peer first'),
  seedRatio: value<number | null>(
    'Limits',
    '--seed-ratio <ratio>',
    'seed until uploaded/size reaches this; 0 is no limit',
    nothing,
    values.readRatio,
  ),
  seedTime: value<number | null>(
    'Limits',
    '--seed-time <time>',
    'seed for so long; 0 is not at all',
    nothing,
    values.readDuration,
  ),
  maxDownload: value<number | null>(
    'Limits',
    '--max-download <rate>',
    'bytes a second for the whole process, with K, M or G; 0 is no limit',
    nothing,
    values.readRate,
  ),
  maxUpload: value<number | null>(
    'Limits',
    '--max-upload <rate>',
    'bytes a second for the whole process, with K, M or G; 0 is no limit',
    nothing,
    values.readRate,
  ),
  maxPeers: value<number>('Limits', '--max-peers <n>', 'connections a torrent (default: 80)', 80, number(1, 10_000)),
  uploadSlots: value<number | null>(
    'Limits',
    '--upload-slots <n>',
    'peers served at once (default: by upload rate)',
    nothing,
    number(1, 10_000),
  ),
  stopTimeout: value<number | null>(
    'Limits',
    '--stop-timeout <time>',
    'give up when no new data came for so long; 0 is never',
    nothing,
    values.readTimeLimit,
  ),
  timeout: value<number | null>(
    'Limits',
    '--timeout <time>',
    'give up after so long in all; 0 is never',
    nothing,
    values.readTimeLimit,
  ),
  port: value(
    'Network',
    '--port <ports>',
    'where to listen, N or N-M (default: 6881-6999)',
    { first: 6881, last: 6999 },
    values.readPorts,
  ),
  bind: value<string | null>(
    'Network',
    '--bind <address|interface>',
    'every socket uses this address or fails',
    nothing,
    values.readText,
  ),
  caCertificate: value<string | null>(
    'Network',
    '--ca-certificate <file>',
    'trust the certificate authorities in this file (PEM) too, over https',
    nothing,
    values.readText,
  ),
  proxy: value<string | null>(
    'Network',
    '--proxy <url>',
    'everything goes through this proxy (SOCKS5 or HTTP) or not at all',
    nothing,
    values.readProxy,
  ),
  noProxy: flag('Network', '--no-proxy', 'heed no proxy of the environment (http_proxy, https_proxy, ALL_PROXY)'),
  listenAnyway: flag('Network', '--listen-anyway', 'behind a proxy, let peers in past it'),
  peers: list<PeerAddress>('Network', '--peer <host:port>', 'also try this peer; repeatable', values.readPeer),
  trackers: list<string>('Network', '--tracker <url>', 'announce here too; repeatable', values.readTrackerUrl),
  noTrackers: flag('Network', '--no-trackers', "announce to none of the torrent's trackers"),
  webSeeds: list<string>('Network', '--web-seed <url>', 'the content is there too; repeatable', values.readWebUrl),
  noWebSeeds: flag('Network', '--no-web-seeds', "ask none of the torrent's web seeds"),
  noDht: flag('Network', '--no-dht', 'neither look for peers in the DHT nor be found there'),
  dhtNodes: list<PeerAddress>(
    'Network',
    '--dht-node <host:port>',
    'enter the DHT here too; repeatable',
    values.readPeer,
  ),
  blocklists: list<string>(
    'Network',
    '--blocklist <file|url>',
    'have nothing to do with the addresses on this list (P2P, DAT or CIDR, also in gzip); repeatable',
    values.readText,
  ),
  encryption: choice<EncryptionPolicy>(
    'Network',
    '--encryption <policy>',
    'connections between peers: allow, prefer, require or off (default: allow)',
    DEFAULT_SESSION_OPTIONS.encryption,
    ENCRYPTION_POLICIES,
  ),
  noPex: flag('Network', '--no-pex', 'neither tell peers of other peers nor listen to what they tell'),
  noLsd: flag('Network', '--no-lsd', 'neither find peers in the own network nor be found there'),
  noPortMapping: flag('Network', '--no-port-mapping', 'do not ask the gateway to let peers in'),
  json: flag('Output', '--json', 'JSON on stdout, one object a line'),
  printPaths: flag('Output', '--print-paths', "the finished files' paths on stdout, one a line"),
  print0: flag('Output', '--print0', 'the same, each followed by a NUL'),
  quiet: flag('Output', '-q, --quiet', 'errors only'),
  verbose: flag('Output', '-v, --verbose', 'more: each finished file, each answer of a tracker'),
  summaryInterval: value<number>(
    'Output',
    '--summary-interval <time>',
    'how often a progress line comes when not a terminal; 0 is never (default: 60s)',
    60_000,
    values.readDuration,
  ),
} as const;

export const VERIFY_OPTIONS = {
  dir: OPTIONS.dir,
  output: OPTIONS.output,
  inputFile: OPTIONS.inputFile,
  select: OPTIONS.select,
  exclude: OPTIONS.exclude,
  bind: OPTIONS.bind,
  caCertificate: OPTIONS.caCertificate,
  proxy: OPTIONS.proxy,
  noProxy: OPTIONS.noProxy,
  json: OPTIONS.json,
  quiet: OPTIONS.quiet,
  verbose: flag('Output', '-v, --verbose', 'a line for each file, whole ones too'),
} as const;

export const CREATE_OPTIONS = {
  output: path(
    value<string | null>(
      'Files',
      '-o, --output <file>',
      'where to write the .torrent: a file, a folder, a pipe, or - for stdout (default: NAME.torrent here)',
      nothing,
      values.readText,
    ),
  ),
  force: flag('Files', '--force', 'replace a .torrent that is already there'),
  exclude: list<string>(
    'Files',
    '--exclude <glob>',
    'leave out these files and folders, by name or by path below the folder; repeatable',
    values.readText,
  ),
  trackers: list<string>(
    'Torrent',
    '--tracker <url>',
    'announce there; repeatable, each a tier of its own',
    values.readTrackerUrl,
  ),
  webSeeds: list<string>('Torrent', '--web-seed <url>', 'the content is there too; repeatable', values.readWebUrl),
  metaVersion: choice<Metainfo['version']>(
    'Torrent',
    '--meta-version <version>',
    'of BitTorrent: 1, 2, or hybrid for both in one (default: 1)',
    '1',
    META_VERSIONS,
  ),
  pieceLength: value<number | null>(
    'Torrent',
    '--piece-length <length>',
    'a power of two from 16K to 512M (default: by size)',
    nothing,
    values.readPieceLength,
  ),
  name: value<string | null>(
    'Torrent',
    '--name <name>',
    'instead of the name of the file or folder; several paths need it for their folder',
    nothing,
    values.readNewName,
  ),
  comment: value<string | null>('Torrent', '--comment <text>', 'a sentence for people', nothing, values.readPhrase),
  private: flag('Torrent', '--private', 'peers come from the trackers alone'),
  source: value<string | null>(
    'Torrent',
    '--source <text>',
    'makes the info-hash another one; private trackers ask for it',
    nothing,
    values.readPhrase,
  ),
  date: value<number | null>(
    'Torrent',
    '--date <date>',
    'when it was made (default: SOURCE_DATE_EPOCH, or none)',
    nothing,
    values.readDate,
  ),
  quiet: OPTIONS.quiet,
} as const;

/** The options of each command that looks for peers: where it listens, and where it asks for peers. */
export const PEER_OPTIONS = {
  port: OPTIONS.port,
  bind: OPTIONS.bind,
  caCertificate: OPTIONS.caCertificate,
  proxy: OPTIONS.proxy,
  noProxy: OPTIONS.noProxy,
  listenAnyway: OPTIONS.listenAnyway,
  peers: OPTIONS.peers,
  trackers: OPTIONS.trackers,
  noTrackers: OPTIONS.noTrackers,
  noDht: OPTIONS.noDht,
  dhtNodes: OPTIONS.dhtNodes,
  blocklists: OPTIONS.blocklists,
  encryption: OPTIONS.encryption,
  noPex: OPTIONS.noPex,
  noLsd: OPTIONS.noLsd,
} as const;

/** The options that `seed` shares with `download`. */
export const SEED_OPTIONS = {
  dir: OPTIONS.dir,
  output: OPTIONS.output,
  inputFile: OPTIONS.inputFile,
  select: OPTIONS.select,
  exclude: OPTIONS.exclude,
  check: OPTIONS.check,
  superSeed: OPTIONS.superSeed,
  seedRatio: OPTIONS.seedRatio,
  seedTime: OPTIONS.seedTime,
  maxUpload: OPTIONS.maxUpload,
  maxPeers: OPTIONS.maxPeers,
  uploadSlots: OPTIONS.uploadSlots,
  timeout: OPTIONS.timeout,
  ...PEER_OPTIONS,
  noPortMapping: OPTIONS.noPortMapping,
  json: OPTIONS.json,
  quiet: OPTIONS.quiet,
  verbose: OPTIONS.verbose,
  summaryInterval: OPTIONS.summaryInterval,
} as const;

/** The options of `cat` and `serve`. */
export const READING_OPTIONS = {
  keepIn: path(
    value<string | null>(
      'Files',
      '-d, --dir <dir>',
      'keep what is fetched in this folder (default: a bounded part of it, for as long as it is needed)',
      nothing,
      values.readText,
    ),
  ),
  select: OPTIONS.select,
  exclude: OPTIONS.exclude,
  maxDownload: OPTIONS.maxDownload,
  maxUpload: OPTIONS.maxUpload,
  maxPeers: OPTIONS.maxPeers,
  ...PEER_OPTIONS,
  webSeeds: OPTIONS.webSeeds,
  noWebSeeds: OPTIONS.noWebSeeds,
  noPortMapping: OPTIONS.noPortMapping,
  quiet: OPTIONS.quiet,
  verbose: OPTIONS.verbose,
} as const;

export const CAT_OPTIONS = {
  ...READING_OPTIONS,
  offset: value<number>(
    'Files',
    '--offset <bytes>',
    'begin at this byte of the file, with K, M or G (default: 0)',
    0,
    values.readBytes,
  ),
  length: value<number | null>(
    'Files',
    '--length <bytes>',
    'write so many bytes, with K, M or G (default: all)',
    nothing,
    values.readBytes,
  ),
  stopTimeout: OPTIONS.stopTimeout,
  timeout: OPTIONS.timeout,
} as const;

export const SERVE_OPTIONS = {
  ...READING_OPTIONS,
  httpPort: value<number>(
    'Network',
    '--http-port <port>',
    'where players are served, on 127.0.0.1; 0 lets the system choose (default: 0)',
    0,
    number(0, 65_535),
  ),
} as const;

/** The options of `show`: its own, and what it borrows from the others. */
export const SHOW_OPTIONS = {
  output: path(
    value<string | null>(
      'Files',
      '-o, --output <file>',
      'write the .torrent there; - is stdout',
      nothing,
      values.readText,
    ),
  ),
  force: CREATE_OPTIONS.force,
  inputFile: OPTIONS.inputFile,
  timeout: OPTIONS.timeout,
  ...PEER_OPTIONS,
  json: OPTIONS.json,
  secrets: flag('Output', '--secrets', 'show passwords and passkeys in URLs, too'),
  quiet: OPTIONS.quiet,
} as const;

export const TRACKER_OPTIONS = {
  port: value<number>(
    'Network',
    '--port <port>',
    'where to listen; 0 lets the system choose (default: 6969)',
    6969,
    number(0, 65_535),
  ),
  bind: OPTIONS.bind,
  allowed: path(
    value<string | null>(
      'Tracker',
      '--allowed <dir>',
      'serve only the torrents whose .torrent is in this folder',
      nothing,
      values.readText,
    ),
  ),
  state: path(
    value<string | null>(
      'Tracker',
      '--state <file>',
      'remember the peers there across a restart',
      nothing,
      values.readText,
    ),
  ),
  interval: value<number>(
    'Tracker',
    '--interval <time>',
    'how often clients are to announce, at least 1s (default: 30m)',
    1_800_000,
    values.readInterval,
  ),
  trustedProxies: list<IpNetwork>(
    'Tracker',
    '--trusted-proxy <cidr>',
    'believe the X-Forwarded-For or Forwarded header of this proxy; repeatable',
    values.readNetwork,
  ),
  natCheck: flag('Tracker', '--nat-check', 'name only peers that answer when they are called back'),
  quiet: OPTIONS.quiet,
} as const;

export const DOCTOR_OPTIONS = {
  dir: OPTIONS.dir,
  port: OPTIONS.port,
  bind: OPTIONS.bind,
  caCertificate: OPTIONS.caCertificate,
  proxy: OPTIONS.proxy,
  noProxy: OPTIONS.noProxy,
  peers: OPTIONS.peers,
  trackers: OPTIONS.trackers,
  noTrackers: OPTIONS.noTrackers,
  noDht: OPTIONS.noDht,
  dhtNodes: OPTIONS.dhtNodes,
  blocklists: OPTIONS.blocklists,
  encryption: OPTIONS.encryption,
  noPortMapping: OPTIONS.noPortMapping,
  json: OPTIONS.json,
} as const;

/** Options of every command whose options may stand in the configuration. */
export const CONFIG_OPTIONS = {
  config: value<string | null>(
    'Configuration',
    '--config <file>',
    'read options from this file instead of the usual one',
    nothing,
    values.readText,
  ),
  noConfig: flag('Configuration', '--no-config', 'read no such file'),
} as const;
