import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Metainfo } from '../../src/metainfo/metainfo.js';
import { type Bench, MIB } from '../harness/bench.js';
import {
  btgetClient,
  type Client,
  type Encryption,
  type Listener,
  leanSeeds,
  libtorrentClient,
  relay,
} from '../rivals/clients.js';
import { makeField } from '../rivals/field.js';
import { startMirror } from '../rivals/mirror.js';
import { COST, type Contestant, type Goal, type MakeRow, type Row } from '../row.js';

const GOALS: readonly Goal[] = [
  { contestant: 'btget', metric: 'wall', ratioTo: 'libtorrent', atMost: 0.6 },
  { contestant: 'btget', metric: 'cpu', ratioTo: 'libtorrent', atMost: 0.9 },
  { contestant: 'btget', metric: 'memory', unit: 'MiB', digits: 0, atMost: 128 },
];

/** Each client downloads the same file from one lean seed. */
export function download(pieceLength: string): MakeRow {
  return async (bench) => {
    const torrent = await bench.torrent({ length: bench.length, pieceLength });
    const peers = await startPeers(bench, leanSeeds(torrent, bench.content(bench.length).path, 1));
    return makeDownloadRow(bench, { torrent, peers }, `Download in pieces of ${pieceLength} from one fast seed`, GOALS);
  };
}

/**
 * The same of a torrent of version 2, or of a hybrid. aria2 and Transmission know neither. A bare program of Node
 * fetches the same bytes from an nginx.
 */
export function downloadOfVersion(metaVersion: '2' | 'hybrid'): MakeRow {
  return async (bench) => {
    const torrent = await bench.torrent({ length: bench.length, pieceLength: '1M', metaVersion });
    const peers = await startPeers(bench, leanSeeds(torrent, bench.content(bench.length).path, 1));
    const title = `Download in pieces of 1M from one fast seed, ${metaVersion === '2' ? 'version 2' : 'a hybrid'}`;
    const row = await makeDownloadRow(bench, { torrent, peers }, title, [
      { contestant: 'btget', metric: 'wall', ratioTo: 'libtorrent', atMost: 0.8 },
      { contestant: 'btget', metric: 'memory', unit: 'MiB', digits: 0, atMost: 160 },
    ]);
    const clients = row.contestants.filter(({ name }) => name !== 'aria2');
    return { ...row, contestants: [...clients, bareNode(bench, await startMirror(bench), metaVersion)] };
  };
}

/** Each client downloads the same file from fifty lean seeds at once. */
export const manyPeers: MakeRow = async (bench) => {
  const SEEDS = 50;
  const torrent = await bench.torrent({ length: bench.length, pieceLength: '1M' });
  const peers = await startPeers(bench, leanSeeds(torrent, bench.content(bench.length).path, SEEDS));
  return makeDownloadRow(bench, { torrent, peers }, `Download in pieces of 1M from ${SEEDS} fast seeds at once`, []);
};

/** Each client downloads the same file from a seed of libtorrent, which people use. */
export const downloadFromLibtorrent: MakeRow = async (bench) =>
  makeDownloadRow(
    bench,
    await startLibtorrentSeed(bench, 'none'),
    'Download in pieces of 1M from one libtorrent seed',
    [],
  );

/** The same by RC4 alone. */
export const downloadRc4: MakeRow = async (bench) =>
  makeDownloadRow(
    bench,
    await startLibtorrentSeed(bench, 'rc4'),
    'Download in pieces of 1M from one libtorrent seed, by RC4 alone',
    [{ contestant: 'btget', metric: 'wall', ratioTo: 'libtorrent', atMost: 1 }],
    'rc4',
  );

/** The same in plain after an encrypted handshake. The seed ends what begins in plain: btget dials it twice. */
export const downloadObfuscated: MakeRow = async (bench) => {
  const plain = await startLibtorrentSeed(bench, 'none');
  const obfuscated = await startLibtorrentSeed(bench, 'handshake');
  const row = await makeDownloadRow(
    bench,
    obfuscated,
    'Download in pieces of 1M from one libtorrent seed, in plain after an encrypted handshake',
    [{ contestant: 'btget', metric: 'wall', ratioTo: 'btget, plain', atMost: 1.03 }],
    'handshake',
  );
  const { measure } = downloader(bench, plain, btgetClient(bench));
  return { ...row, contestants: [...row.contestants, { name: 'btget, plain', measure }] };
};

async function startLibtorrentSeed(bench: Bench, encryption: Encryption): Promise<Source> {
  if (bench.rivals.libtorrent === undefined) throw new Error('libtorrent is not installed');
  const torrent = await bench.torrent({ length: bench.length, pieceLength: '1M' });
  const { dir } = bench.content(bench.length);
  return { torrent, peers: await startPeers(bench, await libtorrentClient(encryption).seed({ torrent, dir })) };
}

/**
 * Each client downloads the same file from one lean seed over a slow line. A silent seed does not tell how many
 * requests it queues.
 */
const farAway = async (bench: Bench, silent: boolean): Promise<Row> => {
  /** Milliseconds. */
  const ONE_WAY = 50;
  const length = Math.min(256 * MIB, bench.length);
  const torrent = await bench.torrent({ length, pieceLength: '1M' });
  const [seed = 0] = await startPeers(bench, leanSeeds(torrent, bench.content(length).path, 1, silent));
  const peers = await startPeers(bench, relay(seed, ONE_WAY));
  const what = silent ? 'one fast seed without reqq' : 'one fast seed';
  const title = `Download of ${length / MIB} MiB from ${what} with a round trip of ${2 * ONE_WAY} ms`;
  // 0.9 × the rate is 1 ÷ 0.9 of the time.
  const goal: Goal = { contestant: 'btget', metric: 'wall', ratioTo: 'libtorrent', atMost: 1.11 };
  return makeDownloadRow(bench, { torrent, peers }, title, [goal]);
};

export const roundTrip: MakeRow = (bench) => farAway(bench, false);
export const roundTripNoReqq: MakeRow = (bench) => farAway(bench, true);

/** Starts a program that listens, and resolves to its ports. */
async function startPeers(bench: Bench, { program, listening }: Listener): Promise<number[]> {
  const { found } = await bench.start(program, listening);
  return (found[1] ?? '').split(',').map(Number);
}

const BARE_FETCH = fileURLToPath(new URL('../scale/bare-fetch.js', import.meta.url));

/** A program of Node that only reads from nginx, hashes as that version does, and writes. */
function bareNode(bench: Bench, url: string, version: Metainfo['version']): Contestant {
  return {
    name: 'bare Node',
    measure: () =>
      bench.inEmptyDir(async (dir) => {
        const args = [BARE_FETCH, url, join(dir, 'data.bin'), String(bench.length), version];
        return (await bench.run({ command: process.execPath, args })).cost;
      }),
  };
}

/**
 * Each client downloads the same file from one nginx that the torrent names as its web seed. There is no peer. A bare
 * program of Node does it too.
 */
export const webSeed: MakeRow = async (bench) => {
  const url = await startMirror(bench);
  const torrent = await bench.torrent({ length: bench.length, pieceLength: '1M', webSeed: url });
  const source = { torrent, peers: [], webSeed: url };
  const row = await makeDownloadRow(bench, source, 'Download in pieces of 1M from one web seed', [
    { contestant: 'btget', metric: 'wall', ratioTo: 'libtorrent', atMost: 0.8 },
    { contestant: 'btget', metric: 'wall', ratioTo: 'aria2', atMost: 0.8 },
  ]);
  return { ...row, contestants: [...row.contestants, bareNode(bench, url, '1')] };
};

interface Source {
  readonly webSeed?: string;
  readonly torrent: string;
  readonly peers: readonly number[];
}

async function makeDownloadRow(
  bench: Bench,
  source: Source,
  title: string,
  goals: readonly Goal[],
  encryption: Encryption = 'none',
): Promise<Row> {
  const field = await makeField(bench, encryption);
  return {
    title,
    metrics: COST,
    contestants: field.clients.map((client) => downloader(bench, source, client)),
    goals,
    timeLimit: 60,
    end: async () => field.end(),
  };
}

function downloader(bench: Bench, source: Source, client: Client): Contestant {
  return {
    name: client.name,
    measure: () => bench.inEmptyDir(async (dir) => (await bench.run(await client.download({ ...source, dir }))).cost),
  };
}
