import type { Task, Timers } from '../base/clock.js';
import { verifyEd25519 } from '../base/system-ed25519.js';
import { DEFAULT_DHT_OPTIONS } from '../discovery/dht/dht-options.js';
import { findDestinations, isLoopbackFence } from '../discovery/http/http-destination.js';
import { FileKept } from '../disk/kept-bytes.js';
import { systemProcesses } from '../disk/system/processes.js';
import type { BindAddresses } from '../net/fence.js';
import type { UrlStep } from '../net/url-rule.js';
import type { DhtMeans } from './dht-means.js';
import type { SessionOptions } from './session-options.js';

export interface NodeDhtMeansParts {
  readonly timers: Timers;
  readonly bind: BindAddresses | null;
  /** Told what goes wrong with the kept state. */
  readonly noted: (message: string) => void;
}

/** What is kept of 600 nodes takes half of that. Bytes. */
const MAX_STATE_LENGTH = 64 * 1024;

/** A name says nothing of where it leads: each address of a node is judged by its `AddressSource` where it is used. */
const JUDGED_LATER: UrlStep = { source: 'user', port: 0, path: '', query: '', redirect: null };

/** What the DHT needs of the real world. */
export function nodeDhtMeans(
  { timers, bind, noted }: NodeDhtMeansParts,
  { dhtNodes, dhtState }: SessionOptions,
): DhtMeans {
  // Whom the world's DHT knows is of no use behind such a fence, and must not be forgotten because of it.
  const isFenced = bind !== null && isLoopbackFence(bind);
  const path = isFenced ? null : dhtState;
  const { user } = systemProcesses;
  const own = dhtNodes.map(({ host, port }) => ({ host, port, isPublic: false }));
  return {
    verify: verifyEd25519,
    resolve: (host, answered) => resolve(timers, bind, host, answered),
    routers: isFenced ? own : [...own, ...DEFAULT_DHT_OPTIONS.routers],
    kept: path === null ? null : new FileKept(timers, { path, user, maxLength: MAX_STATE_LENGTH, noted }),
  };
}

function resolve(
  timers: Timers,
  bind: BindAddresses | null,
  host: string,
  answered: (addresses: readonly string[]) => void,
): { cancel(): void } {
  let telling: Task | null = null;
  const search = findDestinations(host, bind, JUDGED_LATER, (outcome) => {
    // Name servers answer outside the timeline, and a literal at once.
    telling = timers.addTask(() => answered(outcome.ok ? outcome.destinations.map((each) => each.host) : []), 0);
  });
  return {
    cancel: () => {
      search.cancel();
      telling?.cancel();
    },
  };
}
