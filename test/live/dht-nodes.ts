import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { verifyEd25519 } from '../../src/base/system-ed25519.js';
import { systemRandom } from '../../src/base/system-random.js';
import { DhtNode } from '../../src/discovery/dht/dht-node.js';
import { DEFAULT_DHT_OPTIONS } from '../../src/discovery/dht/dht-options.js';
import { DEFAULT_NODE_RAW_SERVER_OPTIONS, NodeRawServer } from '../../src/net/node-raw-server.js';
import type { PeerAddress } from '../../src/net/raw-server.js';
import { NO_OWN_NETWORKS } from '../../src/net/reach-rule.js';
import { NODE_HOSTS } from './support.js';

/** A DHT whose nodes lie in the test's own process. */
export interface Dht {
  readonly addresses: readonly PeerAddress[];
  /** Resolves when a lookup of `infoHash` finds a peer at `peer`, an IP literal. */
  hasPeer(infoHash: Buffer, peer: string): Promise<void>;
}

/**
 * A DHT of 20 nodes that know each other, until the test ends. Some clients trust none that is smaller. Each node has a
 * host of its own: from one host so many packets would be a flood.
 */
export async function startDht(test: TestContext): Promise<Dht> {
  const nodes: RunningNode[] = [];
  for (const host of NODE_HOSTS) {
    const routers = nodes.slice(0, 3).map(({ address }) => address);
    nodes.push(await startNode(test, host, routers));
  }
  const [first] = nodes;
  if (first === undefined) throw new Error('a DHT of no nodes');
  return {
    addresses: nodes.map(({ address }) => address),
    hasPeer: async (infoHash, peer) => {
      while (!(await finds(first, infoHash, peer)));
    },
  };
}

interface RunningNode {
  readonly address: PeerAddress;
  readonly node: DhtNode;
  readonly server: NodeRawServer;
}

/** Whether one lookup of three seconds finds `peer`. */
function finds({ node, server }: RunningNode, infoHash: Buffer, peer: string): Promise<boolean> {
  return new Promise((resolve) => {
    const lookup = node.announce(infoHash, null, (peers) => {
      if (peers.some(({ host }) => host === peer)) end(true);
    });
    const limit = server.addTask(() => end(false), 3_000);
    const end = (isFound: boolean): void => {
      lookup.stop();
      limit.cancel();
      resolve(isFound);
    };
  });
}

function startNode(test: TestContext, host: string, routers: readonly PeerAddress[]): Promise<RunningNode> {
  const gotException = (error: unknown): void => assert.ifError(error);
  const options = { ...DEFAULT_NODE_RAW_SERVER_OPTIONS, bindAddresses: { ipv4: host }, gotException };
  const server = new NodeRawServer(options);
  const node = new DhtNode(
    {
      timers: server,
      random: systemRandom,
      verify: verifyEd25519,
      ownNetworks: NO_OWN_NETWORKS,
      resolve: (name, answered) => void server.addTask(() => answered([name]), 0),
    },
    { ...DEFAULT_DHT_OPTIONS, routers: routers.map((router) => ({ ...router, isPublic: false })) },
    null,
  );
  test.after(() => {
    node.stop();
    server.close();
  });
  return new Promise((resolve) => {
    const handler = {
      datagramCameIn: (_socket: unknown, data: Buffer, from: PeerAddress) => node.datagramCameIn(data, from),
      sendFailed: (_socket: unknown, to: PeerAddress) => node.sendFailed(to),
    };
    server.openDatagram({ family: 4, port: 0 }, handler, (outcome) => {
      if (!outcome.ok) throw new Error(`no socket at ${host}`);
      node.open(4, outcome.socket);
      resolve({ address: outcome.socket.local, node, server });
    });
  });
}
