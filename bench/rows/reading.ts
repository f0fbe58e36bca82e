import { get } from 'node:http';
import { type Bench, MIB } from '../harness/bench.js';
import { relay } from '../rivals/clients.js';
import type { MakeRow, Measurement } from '../row.js';

/** Milliseconds that each byte takes in either direction. */
const ONE_WAY = 50;
/** Bytes a second. */
const RATE = 4_000_000;
const PIECE = MIB;
/** Seconds that a reader's first piece needs alone: a round trip, and its bytes. */
const ALONE = (2 * ONE_WAY) / 1000 + PIECE / RATE;
/** A player has read so much when it seeks: everything is under way then. */
const READ_BEFORE = 8 * MIB;

/** The time to the first byte that `cat` and `serve` give, from their start and from a seek, over a slow line. */
export const reading: MakeRow = async (bench) => {
  const length = Math.min(256 * MIB, bench.length);
  const torrent = await bench.torrent({ length, pieceLength: '1M' });
  const { dir } = bench.content(length);
  const alone = ['--bind', '127.0.0.1', '--no-dht', '--no-lsd', '--no-port-mapping', '--no-trackers'];
  const seed = await bench.start(
    bench.btget('seed', torrent, '-d', dir, '--port', '0', ...alone),
    /listening on 127\.0\.0\.1:(\d+)[\s\S]*seeding/,
  );
  const line = relay(Number(seed.found[1]), ONE_WAY, RATE);
  const { found } = await bench.start(line.program, line.listening);
  const options = ['--peer', `127.0.0.1:${found[1]}`, '--port', '0', ...alone];
  const line4 = `${2 * ONE_WAY} ms and ${RATE / 1e6} MB/s`;
  return {
    title: `First byte of pieces of 1 MiB over a line of ${line4} (alone a piece takes ${ALONE.toFixed(2)} s)`,
    metrics: [
      { name: 'wall', label: 'wall s', digits: 3 },
      { name: 'ratio', label: '÷ alone', digits: 2 },
    ],
    contestants: [
      { name: 'cat, from its start', measure: () => catFirst(bench, torrent, options) },
      { name: 'serve, from a request', measure: async () => measured((await serve(bench, torrent, options)).first) },
      { name: 'serve, from a seek', measure: async () => measured((await serve(bench, torrent, options)).seek) },
    ],
    goals: ['cat, from its start', 'serve, from a request', 'serve, from a seek'].map((contestant) => ({
      contestant,
      metric: 'ratio',
      digits: 2,
      atMost: 4,
    })),
    timeLimit: 60,
  };
};

function measured(seconds: number): Measurement {
  return { wall: seconds, ratio: seconds / ALONE };
}

async function catFirst(bench: Bench, torrent: string, options: readonly string[]): Promise<Measurement> {
  const began = performance.now();
  const { running } = await bench.start(bench.btget('cat', torrent, ...options), /[\s\S]/);
  const first = (performance.now() - began) / 1000;
  await running.end();
  return measured(first);
}

/** Seconds until the first byte: of the first request, when the torrent has just begun, and of a seek. */
async function serve(bench: Bench, torrent: string, options: readonly string[]) {
  const { running, found } = await bench.start(bench.btget('serve', torrent, ...options), /(http:\S+)/);
  const url = found[1] ?? '';
  const first = await readFrom(url, 0, READ_BEFORE);
  const seek = await readFrom(url, READ_BEFORE * 12 + 12_345, 1);
  await running.end();
  return { first, seek };
}

/** Reads `length` bytes from `begin` on and hangs up. Resolves to the seconds until the first byte came. */
function readFrom(url: string, begin: number, length: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const asked = get(url, { agent: false, headers: { Range: `bytes=${begin}-` } }, (response) => {
      let first: number | null = null;
      let left = length;
      response.on('data', (chunk: Buffer) => {
        first ??= (performance.now() - began) / 1000;
        left -= chunk.length;
        if (left > 0) return;
        asked.destroy();
        resolve(first);
      });
      response.on('error', () => undefined);
    });
    asked.on('error', reject);
  });
}
