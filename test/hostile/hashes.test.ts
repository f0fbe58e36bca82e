/** Strangers that ask for hashes of version 2 without end, over a seed and over a download: an honest peer stands beside. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { nextHost, Program } from '../live/support.js';
import { type AttackedContent, type Victim, withstands } from './attacked-transfer.js';

const KIB = 1024;
const ASKER = fileURLToPath(new URL('./leaf-asker.js', import.meta.url));
const TIMEOUT = 240_000;
const MANY = Array.from({ length: 16 }, nextHost);
const ONE = MANY.slice(0, 1);
const PIECE_LENGTH = 4_096 * KIB;
const WIDTH = PIECE_LENGTH / (16 * KIB);

/**
 * Who asks politely is given all that it asks for: of 400 MiB there are more leaves than the seed keeps, so that most
 * answers cost a read of 4 MiB. A flood is judged like the floods of other messages, by a shorter download.
 */
function content(version: '2' | 'hybrid', atOnce: number): AttackedContent {
  const create = ['--piece-length', `${PIECE_LENGTH}`, '--meta-version', version];
  return { length: (atOnce === 1 ? 400 : 48) * KIB * KIB, create };
}

/** Asks politely (one question at a time) or in a flood. */
async function ask(t: TestContext, victim: Victim, atOnce: number, hosts: readonly string[]): Promise<Program> {
  const { host, port, infoHash, metainfo } = victim;
  const root = metainfo.files[0]?.piecesRoot?.toString('hex') ?? assert.fail('no hash tree');
  const numbers = [WIDTH, metainfo.pieceCount, atOnce].map(String);
  const asking = new Program(t, process.execPath, [ASKER, host, port, infoHash, root, ...numbers, ...hosts]);
  await asking.until((output) => /pouring/.exec(output));
  return asking;
}

for (const [target, version] of [
  ['seed', '2'],
  ['seed', 'hybrid'],
  ['download', '2'],
] as const)
  for (const hosts of [ONE, MANY])
    for (const atOnce of [1, 500]) {
      const who = hosts.length === 1 ? 'one host asks' : `${hosts.length} hosts ask`;
      const how = atOnce === 1 ? 'for leaves, one answer after another' : `for the leaves of ${atOnce} pieces at once`;
      const name = `${who} a ${target} of a torrent of version ${version} ${how}`;
      test(name, { timeout: TIMEOUT }, async (t) => {
        const begin = (victim: Victim): Promise<Program> => ask(t, victim, atOnce, hosts);
        await withstands(t, name, target, { dht: false, content: content(version, atOnce), begin });
      });
    }
