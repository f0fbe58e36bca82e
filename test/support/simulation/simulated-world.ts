import type { RawServerWorld } from '../contract/raw-server-world.js';
import { seededRandom } from './seeded-random.js';
import type { SimulatedHost } from './simulated-host.js';
import { SimulatedNetwork } from './simulated-network.js';
import { Timeline } from './timeline.js';

/** RawServers of a simulated network, in simulated time, each at the next of the addresses that `hostOf` names. */
export function simulatedWorld(hostOf: (index: number) => string): RawServerWorld {
  const timeline = new Timeline();
  const network = new SimulatedNetwork(timeline, seededRandom(5), 1);
  const hosts: SimulatedHost[] = [];
  return {
    create: (options = {}) => {
      const host = network.host(hostOf(hosts.length), { chunking: 'random', ...options });
      hosts.push(host);
      return host;
    },
    place: () => ({ port: 0 }),
    until: async (condition) => timeline.runUntil(condition, 10_000),
    settle: async () => timeline.run(20),
    close: () => {
      for (const host of hosts) host.close();
    },
  };
}
