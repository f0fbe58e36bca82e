import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseMetainfo } from '../../src/metainfo/parse-metainfo.js';
import type { Bench } from '../harness/bench.js';
import type { RunningProgram } from '../harness/processes.js';
import { ALONE } from '../rivals/clients.js';
import type { Contestant, MakeRow } from '../row.js';
import { connectIdle, connectIdleEncrypted } from '../scale/peers.js';
import { manyPieces } from '../scale/torrents.js';

const CONNECTIONS = 500;
/** Milliseconds. */
const SETTLE = 1500;

/** The memory of a connection on which nothing happens. */
export const idleConnections: MakeRow = async (bench) => {
  const few = manyPieces(bench.emptyDir(), 1000);
  const many = manyPieces(bench.emptyDir(), 100_000);
  return {
    title: `${CONNECTIONS} connections of peers that finish the handshake and say nothing more, to one seed`,
    metrics: [{ name: 'each', label: 'memory KiB each', digits: 1 }],
    contestants: [seeder(bench, 'btget, 1,000 pieces', few), seeder(bench, 'btget, 100,000 pieces', many)],
    goals: ['btget, 1,000 pieces', 'btget, 100,000 pieces'].map((contestant) => ({
      contestant,
      metric: 'each',
      unit: 'KiB',
      digits: 1,
      atMost: 40,
    })),
    mostRuns: 3,
  };
};

/**
 * What an encrypted connection on which nothing happens holds beyond a plain one. The heap for new objects is kept
 * small: else what the handshakes have thrown away counts too, and an encrypted one throws more away. There are many
 * connections, so that what the first one loads and compiles for all counts little.
 */
export const idleEncrypted: MakeRow = async (bench) => {
  const torrent = manyPieces(bench.emptyDir(), 1000);
  const count = 3 * CONNECTIONS;
  const env = { NODE_OPTIONS: '--max-semi-space-size=1' };
  const plain = seeder(bench, 'btget, plain', torrent, { env, count });
  const encrypted = seeder(bench, 'btget, RC4', torrent, { env, count, connect: connectIdleEncrypted });
  let plainEach = Number.NaN;
  return {
    title: `${count} connections of peers that finish the handshake and say nothing more, plain and by RC4`,
    metrics: [{ name: 'each', label: 'memory KiB each', digits: 1 }],
    contestants: [
      {
        name: plain.name,
        async measure() {
          const measured = await plain.measure();
          plainEach = measured['each'] ?? Number.NaN;
          return measured;
        },
      },
      {
        name: encrypted.name,
        async measure() {
          const measured = await encrypted.measure();
          return { ...measured, 'beyond plain': (measured['each'] ?? Number.NaN) - plainEach };
        },
      },
    ],
    goals: [{ contestant: encrypted.name, metric: 'beyond plain', unit: 'KiB', digits: 1, atMost: 4 }],
    mostRuns: 3,
  };
};

function seeder(
  bench: Bench,
  name: string,
  torrent: string,
  { env = {}, count = CONNECTIONS, connect = connectIdle } = {},
): Contestant {
  return {
    name,
    async measure() {
      const dir = join(dirname(torrent), 'data');
      const options = [...ALONE, '--max-peers', String(2 * count)];
      const { running, found } = await bench.start(
        { ...bench.btget('seed', torrent, '-d', dir, ...options), env },
        /listening on \S*?:(\d+)[\s\S]*seeding/,
      );
      await settled();
      const before = residentKib(running);
      const crowd = await connect(parseMetainfo(readFileSync(torrent)), Number(found[1]), count);
      await settled();
      const after = residentKib(running);
      const { lost } = crowd;
      crowd.end();
      if (lost > 0) throw new Error(`${lost} of ${count} connections did not last`);
      return { each: (after - before) / count };
    },
  };
}

function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, SETTLE));
}

function residentKib(running: RunningProgram): number {
  const resident = running.resident();
  if (resident === undefined) throw new Error('the seed ended');
  return resident * 1024;
}
