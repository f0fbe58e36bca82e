import { sampleTorrent } from '../sample-torrent.js';
import { SimulatedSwarm } from '../simulation/simulated-swarm.js';

const KiB = 1024;
const HOUR = 3_600_000;

/** Two files and an odd end, in pieces of 32 KiB. */
export const SAMPLE = sampleTorrent(
  [
    { path: 't/a.bin', length: 700 * KiB + 11 },
    { path: 't/b.bin', length: 320 * KiB },
  ],
  32 * KiB,
);

/** One seed and nineteen leeches that come over time, on lines of different speed; they stay and give, two at a time. */
export function liveTwoHours(seed: number): SimulatedSwarm {
  const swarm = new SimulatedSwarm(SAMPLE, seed);
  swarm.start({ seed: true, host: { upload: 40 * KiB } });
  for (let leech = 1; leech < 20; leech += 1) {
    swarm.timeline.run(20_000);
    swarm.start({
      torrent: { uploadSlots: 2 },
      host: { upload: (10 + leech * 3) * KiB, download: 400 * KiB, latency: leech * 7 },
    });
  }
  swarm.timeline.run(2 * HOUR - swarm.timeline.now());
  return swarm;
}
