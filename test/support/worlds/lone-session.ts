import { parseAtOnce } from '../../../src/metainfo/parsing.js';
import { NO_OWN_NETWORKS } from '../../../src/net/reach-rule.js';
import type { SessionParts } from '../../../src/session/session.js';
import { makeKeyPair } from './mse-pair.js';

/** The parts of a session that finds peers by trackers alone, and knows nothing of its machine. */
export const LONE_SESSION = {
  makeKeyPair,
  folderName: () => null,
  parse: parseAtOnce,
  fetchRange: null,
  ownNetworks: NO_OWN_NETWORKS,
  peerSources: [],
  dht: null,
  portMapper: null,
  networkWatch: null,
  client: 'btget',
} as const satisfies Partial<SessionParts>;
