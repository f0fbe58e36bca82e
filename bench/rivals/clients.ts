import { fileURLToPath } from 'node:url';
import type { Bench } from '../harness/bench.js';
import { PYTHON } from '../harness/installed.js';
import type { Program } from '../harness/processes.js';

const LIBTORRENT = fileURLToPath(new URL('../../../bench/rivals/libtorrent-client.py', import.meta.url));
const RELAY = fileURLToPath(new URL('../relay/relay.js', import.meta.url));
const LEAN_PEER = fileURLToPath(new URL('../lean/peer.js', import.meta.url));

export interface DownloadTask {
  /** The path of a .torrent, or a magnet link. */
  readonly torrent: string;
  /** An empty folder. */
  readonly dir: string;
  /** The ports of the seeds on 127.0.0.1. */
  readonly peers: readonly number[];
  /** The web seed that the torrent names. btget must be told that it may be on this machine. */
  readonly webSeed?: string;
}

export interface SeedTask {
  readonly torrent: string;
  /** The folder of the content. */
  readonly dir: string;
  /** Bytes a second. */
  readonly maxUpload?: number;
}

export interface VerifyTask {
  readonly torrent: string;
  /** The folder of the content, which is whole. */
  readonly dir: string;
}

/** What a client speaks to its peers: plain BitTorrent, the same after an encrypted handshake, or RC4 alone. */
export type Encryption = 'none' | 'handshake' | 'rc4';

/** A program, and what it prints when it listens: the first group is its port, or its ports with commas. */
export interface Listener {
  readonly program: Program;
  readonly listening: RegExp;
}

/** A client that can download and seed. The system or `Bench.freePort` chooses its port. */
export interface Client {
  readonly name: string;
  /** A program that downloads, and ends when the content is whole. */
  download(task: DownloadTask): Promise<Program>;
  /** A program that serves the content until it is ended. */
  seed(task: SeedTask): Promise<Listener>;
  /** A program that hashes the content, and ends when it has found all of it right. */
  verify(task: VerifyTask): Promise<Program>;
}

/** Options for a btget that looks for no peers. Only a peer that knows its port can find it. */
export const ALONE = [
  '--bind',
  '127.0.0.1',
  '--port',
  '0',
  '--no-trackers',
  '--no-pex',
  '--no-dht',
  '--no-lsd',
  '--no-port-mapping',
];

/** btget dials a peer in plain at first, unless it requires RC4: what the peer takes decides about the rest. */
export function btgetClient(bench: Bench, encryption: Encryption = 'none'): Client {
  const policy = { none: 'off', handshake: 'allow', rc4: 'require' }[encryption];
  const loopback = [
    ...['--bind', '127.0.0.1', '--port', '0', '--no-pex', '--no-dht', '--no-lsd', '--no-port-mapping'],
    ...['--encryption', policy],
  ];
  return {
    name: 'btget',
    async download({ torrent, dir, peers, webSeed }) {
      const dialled = peers.flatMap((port) => ['--peer', `127.0.0.1:${port}`]);
      const mirror = webSeed === undefined ? [] : ['--web-seed', webSeed];
      return bench.btget(torrent, '-d', dir, ...loopback, ...dialled, ...mirror, '-q');
    },
    async seed({ torrent, dir, maxUpload }) {
      const limit = maxUpload === undefined ? [] : ['--max-upload', String(maxUpload)];
      return {
        program: bench.btget('seed', torrent, '-d', dir, ...loopback, ...limit, '-v'),
        listening: /listening on \S*?:(\d+)[\s\S]*seeding/,
      };
    },
    verify: async ({ torrent, dir }) => bench.btget('verify', torrent, '-d', dir, '-q'),
  };
}

export function libtorrentClient(encryption: Encryption = 'none'): Client {
  return {
    name: 'libtorrent',
    async download({ torrent, dir, peers }) {
      return { command: PYTHON, args: [LIBTORRENT, encryption, 'download', torrent, dir, ...peers.map(String)] };
    },
    async seed({ torrent, dir, maxUpload }) {
      const limit = maxUpload === undefined ? [] : [String(maxUpload)];
      return {
        program: { command: PYTHON, args: [LIBTORRENT, encryption, 'seed', torrent, dir, ...limit] },
        listening: /listening on (\d+)\./,
      };
    },
    // A download begins with a check of what is on the disk.
    verify: async ({ torrent, dir }) => ({ command: PYTHON, args: [LIBTORRENT, encryption, 'download', torrent, dir] }),
  };
}

/** No option of aria2 names a peer, so `tracker` returns an announce URL whose answer names the task's peers. */
export function aria2Client(
  bench: Bench,
  tracker: (peers: readonly number[]) => string,
  encryption: Encryption = 'none',
): Client {
  const level = encryption === 'rc4' ? 'arc4' : 'plain';
  const encrypted = encryption === 'none' ? [] : ['--bt-require-crypto=true', `--bt-min-crypto-level=${level}`];
  const options = async (torrent: string, dir: string): Promise<string[]> => [
    '--no-conf=true',
    '--interface=127.0.0.1',
    '--disable-ipv6=true',
    '--enable-dht=false',
    '--enable-dht6=false',
    '--bt-enable-lpd=false',
    '--enable-peer-exchange=false',
    '--file-allocation=none',
    '--disk-cache=64M',
    '--bt-max-peers=0',
    ...encrypted,
    `--listen-port=${await bench.freePort()}`,
    `--dir=${dir}`,
    torrent,
  ];
  return {
    name: 'aria2',
    async download({ torrent, dir, peers }) {
      const announce = `--bt-tracker=${tracker(peers)}`;
      return { command: 'aria2c', args: ['--quiet=true', '--seed-time=0', announce, ...(await options(torrent, dir))] };
    },
    async seed({ torrent, dir, maxUpload = 0 }) {
      const args = ['--console-log-level=info', '--seed-ratio=0.0', '--bt-seed-unverified=true'];
      return {
        program: {
          command: 'aria2c',
          args: [...args, `--max-overall-upload-limit=${maxUpload}`, ...(await options(torrent, dir))],
        },
        listening: /[Ll]istening on TCP port (\d+)/,
      };
    },
    async verify({ torrent, dir }) {
      const args = ['--quiet=true', '--check-integrity=true', '--hash-check-only=true'];
      return { command: 'aria2c', args: [...args, ...(await options(torrent, dir))] };
    },
  };
}

/** `count` lean seeds in one process. A silent seed does not tell how many requests it queues. */
export function leanSeeds(torrent: string, content: string, count: number, silent = false): Listener {
  const args = [LEAN_PEER, 'seed', torrent, content, String(count), ...(silent ? ['silent'] : [])];
  return { program: { command: process.execPath, args }, listening: /ports ([\d,]+)\./ };
}

/** A leech that is never the bottleneck. It prints a `Leeched` as JSON. */
export function leanLeech(torrent: string, port: number): Program {
  return { command: process.execPath, args: [LEAN_PEER, 'leech', torrent, String(port)] };
}

/** A leech that keeps `ahead` requests in flight, even when the seed queues fewer, and asks for no block twice. */
export function stubbornLeech(torrent: string, port: number, ahead: number): Program {
  return { command: process.execPath, args: [LEAN_PEER, 'leech', torrent, String(port), String(ahead)] };
}

/**
 * A relay in front of `port` that delays each byte by `delay` milliseconds in either direction. It carries `rate`
 * bytes a second, or as many as come.
 */
export function relay(port: number, delay: number, rate: number | null = null): Listener {
  const args = [RELAY, String(port), String(delay), ...(rate === null ? [] : [String(rate)])];
  return {
    program: { command: process.execPath, args },
    listening: /listening on (\d+)\./,
  };
}
