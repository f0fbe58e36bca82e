import { fileURLToPath } from 'node:url';
import type { Bench } from '../harness/bench.js';
import { PYTHON } from '../harness/installed.js';
import type { Program } from '../harness/processes.js';

const LIBTORRENT = fileURLToPath(new URL('../../../bench/rivals/libtorrent-client.py', import.meta.url));
const RELAY = fileURLToPath(new URL('../relay/relay.js', import.meta.url));
const LEAN_PEER = fileURLToPath(new URL('../lean/peer.js', import.meta.url));

export interface DownloadTask {
  readonly torrent: string;
  /** An empty folder. */
  readonly dir: string;
  /** Where the seeds listen, on 127.0.0.1. */
  readonly peers: readonly number[];
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
  /** The folder of the content, all of which is there. */
  readonly dir: string;
}

/** A program, and what it says when it listens: the first group is its port, or its ports with commas. */
export interface Listener {
  readonly program: Program;
  readonly listening: RegExp;
}

/** A client that can play both sides. Its own port is chosen by the system or found free. */
export interface Client {
  readonly name: string;
  /** Downloads, and ends when everything is there. */
  download(task: DownloadTask): Promise<Program>;
  seed(task: SeedTask): Promise<Listener>;
  /** Hashes what is there, and ends when all of it is right. */
  verify(task: VerifyTask): Promise<Program>;
}

/** For a btget that neither looks for peers nor is found but by who knows its port. */
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

export function btgetClient(bench: Bench): Client {
  const loopback = ['--bind', '127.0.0.1', '--port', '0', '--no-pex', '--no-dht', '--no-lsd', '--no-port-mapping'];
  return {
    name: 'btget',
    async download({ torrent, dir, peers }) {
      const dialled = peers.flatMap((port) => ['--peer', `127.0.0.1:${port}`]);
      return bench.btget(torrent, '-d', dir, ...loopback, ...dialled, '-q');
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

export function libtorrentClient(): Client {
  return {
    name: 'libtorrent',
    async download({ torrent, dir, peers }) {
      return { command: PYTHON, args: [LIBTORRENT, 'download', torrent, dir, ...peers.map(String)] };
    },
    async seed({ torrent, dir, maxUpload }) {
      const limit = maxUpload === undefined ? [] : [String(maxUpload)];
      return {
        program: { command: PYTHON, args: [LIBTORRENT, 'seed', torrent, dir, ...limit] },
        listening: /listening on (\d+)\./,
      };
    },
    // A download begins with a look at what is there.
    verify: async ({ torrent, dir }) => ({ command: PYTHON, args: [LIBTORRENT, 'download', torrent, dir] }),
  };
}

/** aria2 cannot be told of a peer: `tracker` is the announce URL that names the task's peers to it. */
export function aria2Client(bench: Bench, tracker: (peers: readonly number[]) => string): Client {
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

/** So many seeds in one process, none of which is ever the bottleneck. A silent one does not tell how many requests it queues. */
export function leanSeeds(torrent: string, content: string, count: number, silent = false): Listener {
  const args = [LEAN_PEER, 'seed', torrent, content, String(count), ...(silent ? ['silent'] : [])];
  return { program: { command: process.execPath, args }, listening: /ports ([\d,]+)\./ };
}

/** A leech that is never the bottleneck. It prints what it took, `Leeched`, as JSON. */
export function leanLeech(torrent: string, port: number): Program {
  return { command: process.execPath, args: [LEAN_PEER, 'leech', torrent, String(port)] };
}

/** One that asks for so many blocks ahead, whatever it is told, and for none of them again. */
export function stubbornLeech(torrent: string, port: number, ahead: number): Program {
  return { command: process.execPath, args: [LEAN_PEER, 'leech', torrent, String(port), String(ahead)] };
}

/** Another port for the one that is given, so many milliseconds away from it in either direction. */
export function relay(port: number, delay: number): Listener {
  return {
    program: { command: process.execPath, args: [RELAY, String(port), String(delay)] },
    listening: /listening on (\d+)\./,
  };
}
