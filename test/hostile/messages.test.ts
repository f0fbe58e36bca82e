/** Peers that pour one kind of message over a seed, and over a download: an honest leech or seed stands beside them. */
import { writeFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { fullBitfield } from '../../src/wire/bitfield.js';
import { encodeMessage, KEEP_ALIVE } from '../../src/wire/message.js';
import { HOSTS, nextHost, Program } from '../live/support.js';
import { PIECE_COUNT, type Target, type Victim, withstands } from './attacked-transfer.js';

const MiB = 1 << 20;
const BLOCK = 16 * 1024;
const POUR = fileURLToPath(new URL('./pour.js', import.meta.url));
const POURER = nextHost();
const TIMEOUT = 180_000;

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

/** Begins to pour `kind` over the victim, from `own`. */
async function pour(t: TestContext, kind: Kind, peers: number, own: string, victim: Victim): Promise<Program> {
  const said = [kind.introduction, kind.message].map((bytes) => {
    const file = victim.nextFile();
    writeFileSync(file, bytes);
    return file;
  });
  const { host, port, infoHash } = victim;
  const pouring = new Program(t, process.execPath, [POUR, host, port, infoHash, `${peers}`, own, ...said]);
  await pouring.until((output) => /pouring/.exec(output));
  return pouring;
}

function attack(name: string, target: Target, kind: Kind, peers: number, own: string): void {
  test(name, { timeout: TIMEOUT }, async (t) => {
    await withstands(t, name, target, { dht: false, begin: (victim) => pour(t, kind, peers, own, victim) });
  });
}

for (const target of ['seed', 'download'] as const) {
  for (const [kind, peers] of [[KINDS[0] as Kind, 2] as const, ...KINDS.map((each) => [each, 8] as const)]) {
    attack(`${peers} peers pour ${kind.name} over a ${target}`, target, kind, peers, POURER);
  }
}

for (const kind of KINDS.filter(({ name }) => /^keep|^cancels|^requests/.test(name))) {
  attack(`8 peers behind the address of the leech pour ${kind.name} over a seed`, 'seed', kind, 8, HOSTS.other);
}
