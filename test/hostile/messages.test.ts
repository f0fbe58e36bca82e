/** Peers that pour one kind of message over a seed, and over a download: an honest leech or seed stands beside them. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseMetainfo } from '../../src/metainfo/parse-metainfo.js';
import { fullBitfield } from '../../src/wire/bitfield.js';
import { encodeMessage, KEEP_ALIVE } from '../../src/wire/message.js';
import { BTGET, btgetEnds, fingerprint, HOSTS, nextHost, Program, scratch } from '../live/support.js';
import { writeNoise } from '../support/noise.js';
import type { LoopReport } from './loop-hook.js';
import { reportAttack } from './report.js';

const MiB = 1 << 20;
const LENGTH = 48 * MiB;
/** So that the download is not at its end before the flood has come to it. */
const MAX_RATE = '24M';
const PIECE_LENGTH = 32 * 1024;
const PIECE_COUNT = LENGTH / PIECE_LENGTH;
const BLOCK = 16 * 1024;
const HOOK = new URL('./loop-hook.js', import.meta.url).href;
const POUR = fileURLToPath(new URL('./pour.js', import.meta.url));
const POURER = nextHost();
const TIMEOUT = 180_000;

/** Milliseconds of work of the loop's thread. */
const MAX_HOLD = 100;
/** MiB more than without the flood. */
const MAX_MEMORY = 64;
/** Seconds that a busy machine may take longer. */
const SLACK = 10;

type Said = Parameters<typeof encodeMessage>[0];

function words(...messages: readonly Said[]): Buffer {
  return Buffer.concat(messages.map(encodeMessage));
}

const FIRST = { piece: 0, begin: 0, length: BLOCK } as const;
const EVERYTHING: Said = { type: 'bitfield', bits: fullBitfield(PIECE_COUNT).toWire() };

interface Kind {
  readonly name: string;
  readonly introduction: Buffer;
  readonly message: Buffer;
}

function kind(name: string, message: Buffer, ...introduction: readonly Said[]): Kind {
  return { name, message, introduction: words(...introduction) };
}

const BLOCKS_ASKED = Array.from({ length: 2_000 }, (_, at) => ({
  piece: at >> 1,
  begin: (at & 1) * BLOCK,
  length: BLOCK,
}));

const KINDS: readonly Kind[] = [
  kind('keep-alives', KEEP_ALIVE),
  kind('cancels', words({ type: 'cancel', ...FIRST })),
  kind('haves of one piece', words({ type: 'have', piece: 1 })),
  kind('bitfields', words(EVERYTHING)),
  kind('haves of everything', words({ type: 'haveAll' })),
  kind('chokes and unchokes', words({ type: 'choke' }, { type: 'unchoke' })),
  kind('changes of interest', words({ type: 'interested' }, { type: 'notInterested' })),
  kind('requests for one block', words({ type: 'request', ...FIRST }), { type: 'interested' }),
  kind(
    'requests and cancels',
    words(
      ...BLOCKS_ASKED.flatMap((span): Said[] => [
        { type: 'request', ...span },
        { type: 'cancel', ...span },
      ]),
    ),
    { type: 'interested' },
  ),
  kind('requests for 2,000 blocks', words(...BLOCKS_ASKED.map((span): Said => ({ type: 'request', ...span }))), {
    type: 'interested',
  }),
  kind('rejects', words({ type: 'reject', ...FIRST })),
  kind('suggestions', words({ type: 'suggest', piece: 1 }), { type: 'haveAll' }),
  kind('allowed pieces', words({ type: 'allowedFast', piece: 1 })),
  kind('blocks that were not asked for', words({ type: 'piece', piece: 0, begin: 0, block: Buffer.alloc(BLOCK) })),
  kind('extension handshakes', words({ type: 'extended', id: 0, payload: Buffer.from('d1:md6:ut_pexi1eee') })),
  kind('ports', words({ type: 'port', port: 6881 })),
  kind('words of no meaning', Buffer.of(0, 0, 0, 1, 200)),
  kind('long words of no meaning', Buffer.concat([Buffer.of(0, 16, 0, 0, 200), Buffer.alloc(MiB - 1)])),
];

interface Place {
  readonly dir: string;
  readonly torrent: string;
  readonly seed: string;
  readonly infoHash: string;
}

/** A seed's content, and a torrent of it. */
async function place(t: TestContext): Promise<Place> {
  const dir = scratch(t);
  writeNoise(join(dir, 'seed'), { 'data.bin': LENGTH });
  const torrent = join(dir, 'data.torrent');
  const file = join(dir, 'seed', 'data.bin');
  await btgetEnds(t, 0, 'create', file, '-o', torrent, '--piece-length', `${PIECE_LENGTH}`);
  const { infoHash } = parseMetainfo(readFileSync(torrent));
  return { dir, torrent, seed: join(dir, 'seed'), infoHash: infoHash.toString('hex') };
}

interface Watched {
  readonly program: Program;
  /** To be asked when it has ended. */
  report(): LoopReport;
}

let lastFile = 0;

function nextFile(dir: string): string {
  lastFile += 1;
  return join(dir, `${lastFile}`);
}

function watched(t: TestContext, dir: string, ...args: string[]): Watched {
  const file = nextFile(dir);
  process.env['LOOP_REPORT'] = file;
  const quiet = ['--no-dht', '--no-lsd', '--no-pex', '--no-trackers', '--no-port-mapping'];
  const program = new Program(t, process.execPath, ['--import', HOOK, BTGET, ...args, ...quiet]);
  return { program, report: () => JSON.parse(readFileSync(file, 'utf8')) as LoopReport };
}

async function portOf(program: Program, listening: RegExp): Promise<string> {
  return program.until((output) => listening.exec(output)?.[1]);
}

/** Begins to pour `kind` over whoever listens at `host` and `port`. */
async function pour(t: TestContext, at: Place, flood: Flood, host: string, port: string): Promise<Program> {
  const said = [flood.kind.introduction, flood.kind.message].map((bytes) => {
    const file = nextFile(at.dir);
    writeFileSync(file, bytes);
    return file;
  });
  const pouring = new Program(t, process.execPath, [POUR, host, port, at.infoHash, `${flood.peers}`, POURER, ...said]);
  await pouring.until((output) => /pouring/.exec(output));
  return pouring;
}

type Target = 'seed' | 'download';

interface Flood {
  readonly kind: Kind;
  readonly peers: number;
}

interface Outcome {
  /** Seconds until the download was complete. */
  readonly wall: number;
  /** Of the target. */
  readonly report: LoopReport;
  /** How often a pouring peer was parted from. */
  readonly parted: number;
}

/** A download of everything from one seed, with a flood over one of the two. */
async function run(t: TestContext, target: Target, flood: Flood | null): Promise<Outcome> {
  const at = await place(t);
  const { torrent, seed } = at;
  const seeding = watched(t, at.dir, 'seed', torrent, '-d', seed, '--bind', HOSTS.btget, '--max-upload', MAX_RATE);
  const seedPort = await portOf(seeding.program, /listening on \S*?:(\d+)[\s\S]*seeding/);
  let pouring: Program | null = null;
  if (flood !== null && target === 'seed') pouring = await pour(t, at, flood, HOSTS.btget, seedPort);
  const dir = join(at.dir, 'leech');
  mkdirSync(dir);
  const beganAt = performance.now();
  const peer = `${HOSTS.btget}:${seedPort}`;
  const leech = watched(t, at.dir, torrent, '-d', dir, '--bind', HOSTS.other, '--peer', peer, '-v');
  if (flood !== null && target === 'download') {
    pouring = await pour(t, at, flood, HOSTS.other, await portOf(leech.program, /listening on \S*?:(\d+)/));
  }
  assert.equal(await leech.program.endsWithin(120_000), 0);
  const wall = (performance.now() - beganAt) / 1000;
  await pouring?.interrupt();
  await seeding.program.interrupt();
  assert.deepEqual(fingerprint(dir), fingerprint(seed));
  const parted = Number(/parted (\d+)/.exec(pouring?.stdout ?? '')?.[1] ?? 0);
  return { wall, parted, report: (target === 'seed' ? seeding : leech).report() };
}

const clean = new Map<Target, Outcome>();

async function cleanRun(t: TestContext, target: Target): Promise<Outcome> {
  const known = clean.get(target) ?? (await run(t, target, null));
  clean.set(target, known);
  return known;
}

for (const target of ['seed', 'download'] as const) {
  for (const [kind, peers] of [[KINDS[0] as Kind, 2] as const, ...KINDS.map((each) => [each, 8] as const)]) {
    const attack = `${peers} peers pour ${kind.name} over a ${target}`;
    test(attack, { timeout: TIMEOUT }, async (t) => {
      const without = await cleanRun(t, target);
      const { wall, parted, report } = await run(t, target, { kind, peers });
      t.diagnostic(`parted from ${parted} times`);
      const rows = [
        ['longest hold of the loop, ms', without.report.hold, report.hold, MAX_HOLD],
        ['wall of the honest download, s', without.wall, wall, 1.25 * without.wall + SLACK],
        ['memory, MiB', without.report.memory / MiB, report.memory / MiB, without.report.memory / MiB + MAX_MEMORY],
      ] as const;
      for (const [figure, cleanly, underAttack, limit] of rows) {
        reportAttack({ attack, figure, clean: round(cleanly), underAttack: round(underAttack), limit: round(limit) });
      }
      for (const [figure, , underAttack, limit] of rows) assert.ok(underAttack <= limit, `${figure}: ${underAttack}`);
    });
  }
}

function round(figure: number): number {
  return Math.round(figure * 10) / 10;
}
