import type { Task } from '../../base/clock.js';
import type { Random } from '../../base/random.js';
import type { IpFamily } from '../../net/ip-address.js';
import type { RawServer } from '../../net/raw-server.js';
import { GatewayMapper, type PortMappingState } from './gateway-mapper.js';
import type { MappingProtocol, PortMappingOptions } from './mapping-protocol.js';
import { NatPmp } from './nat-pmp.js';
import { Pcp } from './pcp.js';
import { type AskGateway, Upnp } from './upnp.js';

/** A gateway that leads out of our network. */
export interface GatewayPlace {
  readonly family: IpFamily;
  /** Its IP literal. Null when we can learn it only from its answer to a search. */
  readonly gateway: string | null;
  /** Our own address that the gateway sees, an IP literal. */
  readonly local: string;
}

export interface PortMapperParts {
  readonly rawServer: Pick<RawServer, 'now' | 'addTask' | 'openDatagram'>;
  readonly random: Random;
  /** The gateways that there are now, at most one of each family. */
  readonly findGateways: () => readonly GatewayPlace[];
  readonly askGateway: AskGateway;
  readonly options: PortMappingOptions;
}

/** The state of the mapping at the gateway of one family. */
export type PortMapping = { readonly family: IpFamily } & PortMappingState;

interface Mapped {
  readonly place: GatewayPlace;
  readonly mapper: GatewayMapper;
}

/**
 * Asks the gateway of our network to let our port in, for TCP and UDP, while the session lives. It tries PCP, then
 * NAT-PMP, then UPnP. IPv6 addresses are not translated, but there PCP opens the firewall of the gateway.
 */
export class PortMapper {
  readonly #parts: PortMapperParts;
  readonly #mapped = new Map<IpFamily, Mapped>();
  #lookUp: Task | null = null;

  constructor(parts: PortMapperParts) {
    this.#parts = parts;
  }

  /** From now on keeps `port` let in, as far as the gateways permit it. Called once. */
  begin(port: number): void {
    const { rawServer, options, findGateways } = this.#parts;
    const places = findGateways();
    for (const [family, { place, mapper }] of this.#mapped) {
      if (places.some((each) => isSame(each, place))) continue;
      mapper.stop(() => undefined);
      this.#mapped.delete(family);
    }
    for (const place of places) {
      if (this.#mapped.has(place.family)) continue;
      const mapper = new GatewayMapper(rawServer, this.#protocolsFor(place), port, options);
      this.#mapped.set(place.family, { place, mapper });
      mapper.begin();
    }
    this.#lookUp = rawServer.addTask(() => this.begin(port), options.lookUpEvery);
  }

  /** The machine may have slept for longer than a mapping lasts. */
  networkChanged(): void {
    for (const { mapper } of this.#mapped.values()) mapper.askAgain();
  }

  /** One entry for each family that has a gateway. */
  state(): readonly PortMapping[] {
    return [...this.#mapped].map(([family, { mapper }]) => ({ family, ...mapper.state }));
  }

  /** Removes the mappings. Calls `answered` once, later, within `stopLimit` of the options. */
  stop(answered: () => void): void {
    this.#lookUp?.cancel();
    let waiting = this.#mapped.size;
    if (waiting === 0) this.#parts.rawServer.addTask(answered, 0);
    for (const { mapper } of this.#mapped.values()) {
      mapper.stop(() => {
        waiting -= 1;
        if (waiting === 0) answered();
      });
    }
    this.#mapped.clear();
  }

  #protocolsFor({ family, gateway, local }: GatewayPlace): readonly MappingProtocol[] {
    const { rawServer, random, askGateway } = this.#parts;
    const protocols: MappingProtocol[] = [];
    if (gateway !== null) protocols.push(new Pcp(rawServer, random, gateway, local));
    if (gateway !== null && family === 4) protocols.push(new NatPmp(rawServer, gateway, local));
    if (family === 4) protocols.push(new Upnp(rawServer, askGateway, local));
    return protocols;
  }
}

function isSame(one: GatewayPlace, other: GatewayPlace): boolean {
  return one.family === other.family && one.gateway === other.gateway && one.local === other.local;
}
