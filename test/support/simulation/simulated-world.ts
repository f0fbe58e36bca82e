import type { RawServerWorld } from '../contract/raw-server-world.js';
import { seededRandom } from './seeded-random.js';
import type { SimulatedHost } from './simulated-host.js';
import { SimulatedNetwork } from './simulated-network.js';
import { Timeline } from './timeline.js';

/**
 * A world of RawServers on a simulated network in simulated time. The RawServer that is created as number `index`, from
 * 0, is at the address `hostOf(index)`.
 */
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
