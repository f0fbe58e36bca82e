import { nodeWorld } from '../support/node-world.js';
import { rawServerContract } from '../support/raw-server-contract.js';
import type { RawServerWorld } from '../support/raw-server-world.js';
import { seededRandom } from '../support/seeded-random.js';
import type { SimulatedHost } from '../support/simulated-host.js';
import { SimulatedNetwork } from '../support/simulated-network.js';
import { Timeline } from '../support/timeline.js';

function simulatedWorld(): RawServerWorld {
  const timeline = new Timeline();
  const network = new SimulatedNetwork(timeline, seededRandom(5), 1);
  const hosts: SimulatedHost[] = [];
  return {
    create: (options = {}) => {
      const host = network.host(`10.0.0.${hosts.length + 1}`, { chunking: 'random', ...options });
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

rawServerContract('simulated network', simulatedWorld);
rawServerContract('loop over TCP and IPv4', () => nodeWorld(() => ({ host: '127.0.0.1', port: 0 })));
