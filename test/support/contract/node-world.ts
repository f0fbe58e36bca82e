import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { DEFAULT_NODE_RAW_SERVER_OPTIONS, NodeRawServer } from '../../../src/net/node-raw-server.js';
import type { ListenAddress } from '../../../src/net/raw-server.js';
import { HANGS_AFTER } from '../hang.js';
import type { RawServerWorld } from './raw-server-world.js';

function rethrow(error: unknown): never {
  throw error;
}

/** The turns of Node's loop in which a world settles: on one machine nothing is on its way for longer. */
const SETTLING_TURNS = 30;

/** Loops over Node's sockets, in real time. */
export function nodeWorld(place: () => ListenAddress, cleanUp: () => void = () => undefined): RawServerWorld {
  const servers: NodeRawServer[] = [];
  return {
    create: (options = {}) => {
      const server = new NodeRawServer({ ...DEFAULT_NODE_RAW_SERVER_OPTIONS, gotException: rethrow, ...options });
      servers.push(server);
      return server;
    },
    place,
    until: async (condition) => {
      const deadline = performance.now() + HANGS_AFTER;
      while (!condition()) {
        if (performance.now() > deadline) throw new Error(`not so within ${HANGS_AFTER} ms: ${condition}`);
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

/** The same over Unix sockets, in a folder of their own. */
export function unixWorld(): RawServerWorld {
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
