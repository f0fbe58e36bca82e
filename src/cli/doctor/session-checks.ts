/** Checks that need a session: whether it can listen, whether the DHT answers, whether the gateway lets peers in. */
import type { Millis, Timers } from '../../base/clock.js';
import type { BtgetError } from '../../base/failure.js';
import type { DhtStatus } from '../../discovery/dht/dht-node.js';
import type { PortMapping } from '../../discovery/port-mapping/port-mapper.js';
import { machineFailure } from '../machine-failure.js';
import { formatCount } from '../output/format.js';
import { dhtStanding, unreachedDhtHint } from '../output/stall-reasons.js';
import { type Finding, failed, fine, skipped, warning } from './finding.js';
import { pause } from './pause.js';

/** A session without torrents, as these checks use it. */
export interface ProbedSession {
  listen(
    answered: (
      outcome: { readonly ok: true; readonly port: number } | { readonly ok: false; readonly failure: BtgetError },
    ) => void,
  ): void;
  /** Enters the DHT at once; without this the session waits for a torrent. Call it after `listen` has answered. */
  enterDht(): void;
  /** Null when the session does not use the DHT. */
  dhtStatus(): DhtStatus | null;
  /** One for each family that has a gateway; null when the options forbid asking gateways. */
  portMapping(): readonly PortMapping[] | null;
}

const LOOK_EVERY: Millis = 200;
/**
 * Long enough for a second question to a router of the DHT, and for a gateway that answers none of three protocols.
 */
const PROBE_LIMIT: Millis = 12_000;

export interface SessionFindings {
  /** The port on which we listen, or null when we cannot. */
  readonly port: number | null;
  readonly findings: readonly Finding[];
}

/** Ends early, with what is known by then, when `over` is aborted. */
export async function checkSession(
  session: ProbedSession,
  timers: Timers,
  over: AbortSignal,
): Promise<SessionFindings> {
  const outcome = await new Promise<Parameters<Parameters<ProbedSession['listen']>[0]>[0]>((resolve) =>
    session.listen(resolve),
  );
  if (!outcome.ok) {
    const lack = machineFailure(outcome.failure);
    const finding =
      lack === null
        ? failed('listen', outcome.failure.message, 'another program may have the port; --port names others')
        : failed('listen', lack.message, null, lack.code);
    return { port: null, findings: [finding] };
  }
  session.enterDht();
  const began = timers.now();
  const isKnown = (): boolean => dhtIsKnown(session.dhtStatus()) && mappingIsKnown(session.portMapping());
  while (!over.aborted && timers.now() - began < PROBE_LIMIT && !isKnown()) await pause(timers, LOOK_EVERY, over);
  return {
    port: outcome.port,
    findings: [
      fine('listen', `listens on port ${outcome.port}`),
      describeDht(session.dhtStatus()),
      ...describeMapping(session.portMapping(), outcome.port),
    ],
  };
}

/**
 * That a router answers is not enough: the nodes that it names may be silent. We wait for a node that answers, unless
 * nobody is asked.
 */
function dhtIsKnown(status: DhtStatus | null): boolean {
  if (status === null) return true;
  const { nodes, routersAsked } = dhtStanding(status);
  return nodes > 0 || routersAsked === 0;
}

function describeDht(status: DhtStatus | null): Finding {
  if (status === null) return skipped('dht', 'the DHT is switched off');
  const standing = dhtStanding(status);
  const { nodes, routersAsked, routersReached, routersUnknown } = standing;
  if (nodes > 0) {
    const external = status.families.flatMap(({ externalHost }) => (externalHost === null ? [] : [externalHost]));
    const seen = external.length === 0 ? '' : `, which see us at ${external.join(' and ')}`;
    return fine('dht', `the DHT answers: ${formatCount(nodes, 'node')}${seen}`);
  }
  if (routersAsked === 0) return skipped('dht', 'no router of the DHT may be asked');
  const silent = routersAsked - routersReached - routersUnknown;
  const parts = [
    ...(routersReached > 0 ? [`${routersReached} answered`] : []),
    ...(silent > 0 ? [`${silent} silent`] : []),
    ...(routersUnknown > 0 ? [`${routersUnknown} without an address`] : []),
  ];
  return failed('dht', `no node of the DHT answers; routers: ${parts.join(', ')}`, unreachedDhtHint(standing));
}

function mappingIsKnown(mappings: readonly PortMapping[] | null): boolean {
  return mappings === null || mappings.every(({ state }) => state !== 'asking');
}

function describeMapping(mappings: readonly PortMapping[] | null, port: number): Finding[] {
  if (mappings === null) return [skipped('port-mapping', 'no gateway is asked to let peers in')];
  if (mappings.length === 0)
    return [warning('port-mapping', 'no gateway was found', `where one is, forward port ${port} by hand`)];
  return mappings.map((mapping) => describeGateway(mapping, port));
}

function describeGateway(mapping: PortMapping, port: number): Finding {
  const family = `IPv${mapping.family}`;
  const byHand = `without it others cannot dial us; forward port ${port} by hand`;
  switch (mapping.state) {
    case 'asking':
      return warning('port-mapping', `${family}: the gateway does not answer`, byHand);
    case 'failed':
      return warning('port-mapping', `${family}: ${mapping.message}`, byHand);
    case 'mapped': {
      const { protocol, gateway, externalHost, udp } = mapping;
      const at = externalHost === null ? '' : `, seen at ${externalHost}`;
      const what = udp ? 'TCP and UDP' : 'TCP';
      return fine('port-mapping', `${family}: ${gateway ?? 'the gateway'} lets ${what} in by ${protocol}${at}`);
    }
  }
}
