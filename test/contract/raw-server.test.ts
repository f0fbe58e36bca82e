import { mkdtempSync, rmSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { DEFAULT_NODE_RAW_SERVER_OPTIONS, NodeRawServer } from '../../src/net/node-raw-server.js';
import type { ListenAddress } from '../../src/net/raw-server.js';
import { rawServerContract } from '../support/raw-server-contract.js';
import type { RawServerWorld } from '../support/raw-server-world.js';
import { seededRandom } from '../support/seeded-random.js';
import { SimulatedNetwork } from '../support/simulated-network.js';
import { Timeline } from '../support/timeline.js';

function rethrow(error: unknown): never {
  throw error;
}

function simulatedWorld(): RawServerWorld {
  const timeline = new Timeline();
  const network = new SimulatedNetwork(timeline, seededRandom(5), 1);
  const hosts = Array.from({ length: 0 }, () => network.host('10.0.0.1'));
  return {
    create: (options = {}) => {
      const host = network.host(`10.0.0.${hosts.length + 1}`, { gotException: rethrow, ...options });
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

/** How many turns of Node's loop a world is given to settle: on one machine nothing is on its way for longer. */
const SETTLING_TURNS = 30;
const PATIENCE = 5_000;

function nodeWorld(place: () => ListenAddress, cleanUp: () => void = () => undefined): RawServerWorld {
  const servers: NodeRawServer[] = [];
  return {
    create: (options = {}) => {
      const server = new NodeRawServer({ ...DEFAULT_NODE_RAW_SERVER_OPTIONS, gotException: rethrow, ...options });
      servers.push(server);
      return server;
    },
    place,
    until: async (condition) => {
      const deadline = performance.now() + PATIENCE;
      while (!condition()) {
        if (performance.now() > deadline) throw new Error(`not so within ${PATIENCE} ms: ${condition}`);
        await setImmediate();
      }
    },
    settle: async () => {
      for (let turn = 0; turn < SETTLING_TURNS; turn += 1) await setImmediate();
    },
    close: () => {
      for (const server of servers) server.close();
      cleanUp();
    },
  };
}

function unixWorld(): RawServerWorld {
  const folder = mkdtempSync(join(tmpdir(), 'btget-'));
  let count = 0;
  return nodeWorld(
    () => {
      count += 1;
      return { path: join(folder, `${count}`) };
    },
    () => rmSync(folder, { recursive: true }),
  );
}

rawServerContract('simulated network', simulatedWorld);
rawServerContract('loop over TCP and IPv4', () => nodeWorld(() => ({ host: '127.0.0.1', port: 0 })));
rawServerContract('loop over Unix sockets', unixWorld);

const hasIpv6 = Object.values(networkInterfaces()).some((entries) => entries?.some(({ address }) => address === '::1'));
if (hasIpv6) rawServerContract('loop over TCP and IPv6', () => nodeWorld(() => ({ host: '::1', port: 0 })));
