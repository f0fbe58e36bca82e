import type { RawServer } from '../../net/raw-server.js';
import type { HttpFetchOutcome, HttpPost } from '../http/http-fetch.js';
import {
  addPortMapping,
  decodeExternalAddress,
  decodeIgdDescription,
  decodeIgdError,
  deletePortMapping,
  encodeAction,
  GET_EXTERNAL_ADDRESS,
  type IgdAction,
  type IgdService,
} from './igd-message.js';
import type { MapOutcome, MappingProtocol, Transport } from './mapping-protocol.js';
import { type FoundGateway, searchGateways } from './ssdp-search.js';

/** GETs `url`, or POSTs `post` to it. Calls `answered` once, later, but not after `cancel()`. */
export type AskGateway = (
  url: string,
  post: HttpPost | null,
  answered: (outcome: HttpFetchOutcome) => void,
) => { cancel(): void };

type ActionOutcome =
  | { readonly ok: true; readonly body: Buffer }
  | { readonly ok: false; readonly code: number | null; readonly message: string };

/** UPnP error 725: "The NAT implementation only supports permanent lease times on port mappings." */
const ONLY_PERMANENT_LEASES = 725;

/** Asks a gateway by UPnP: searches for gateways in the network of our address, and has one let our port in. */
export class Upnp implements MappingProtocol {
  readonly name = 'UPnP';
  readonly #rawServer: Pick<RawServer, 'addTask' | 'openDatagram'>;
  readonly #askGateway: AskGateway;
  readonly #local: string;
  readonly #underWay = new Set<{ cancel(): void }>();
  #searching: { cancel(): void } | null = null;
  /** The connection that made a mapping for us. */
  #service: IgdService | null = null;
  /** The connection that we asked last for a mapping. It may have made one even if we got no answer. */
  #lastAsked: IgdService | null = null;
  #host: string | null = null;

  constructor(rawServer: Pick<RawServer, 'addTask' | 'openDatagram'>, askGateway: AskGateway, local: string) {
    this.#rawServer = rawServer;
    this.#askGateway = askGateway;
    this.#local = local;
  }

  get gateway(): string | null {
    return this.#host;
  }

  map(transport: Transport, port: number, lifetime: number, answered: (outcome: MapOutcome) => void): void {
    const known = this.#service;
    if (known === null) this.#search(transport, port, lifetime, answered);
    else {
      this.#mapAt(known, transport, port, lifetime, (outcome) => {
        if (outcome.ok || transport === 'udp') answered(outcome);
        // A gateway that has restarted may have another control URL.
        else this.#search(transport, port, lifetime, answered);
      });
    }
  }

  unmap(transport: Transport, port: number, answered: () => void): void {
    if (this.#lastAsked === null) this.#underWay.add(this.#rawServer.addTask(answered, 0));
    else this.#act(this.#lastAsked, deletePortMapping(transport, port), () => answered());
  }

  close(): void {
    this.#searching?.cancel();
    for (const call of this.#underWay) call.cancel();
    this.#underWay.clear();
  }

  /** Finds a connection that makes the mapping, and keeps to that one from then on. */
  #search(transport: Transport, port: number, lifetime: number, answered: (outcome: MapOutcome) => void): void {
    this.#service = null;
    this.#find((gateway, service, next) => {
      this.#mapAt(service, transport, port, lifetime, (outcome) => {
        if (!outcome.ok) {
          next(outcome.message);
          return;
        }
        this.#searching?.cancel();
        this.#service = service;
        this.#host = gateway.host;
        answered(outcome);
      });
    }, answered);
  }

  /**
   * Hands the connections that it finds to `tryOut`, one at a time. `tryOut` calls `next` with a message to go on to
   * the next connection. When there are no more, `failed` gets the last message.
   */
  #find(
    tryOut: (gateway: FoundGateway, service: IgdService, next: (message: string) => void) => void,
    failed: (outcome: MapOutcome) => void,
  ): void {
    const waiting: FoundGateway[] = [];
    let isBusy = false;
    let isSearching = true;
    let message = 'no gateway answers';
    const goOn = (): void => {
      if (isBusy) return;
      const gateway = waiting.shift();
      if (gateway === undefined) {
        if (!isSearching) failed({ ok: false, message });
        return;
      }
      isBusy = true;
      this.#describe(gateway, (services) => {
        const tryNext = (why: string): void => {
          message = why;
          const service = services.shift();
          if (service !== undefined) tryOut(gateway, service, tryNext);
          else {
            isBusy = false;
            goOn();
          }
        };
        tryNext('the gateway describes no connection');
      });
    };
    this.#searching = searchGateways(
      this.#rawServer,
      this.#local,
      (gateway) => {
        waiting.push(gateway);
        goOn();
      },
      () => {
        isSearching = false;
        goOn();
      },
    );
  }

  #describe({ location, host }: FoundGateway, answered: (services: IgdService[]) => void): void {
    this.#ask(location.href, null, (outcome) => {
      answered(outcome.ok ? [...decodeIgdDescription(outcome.body, location, host)] : []);
    });
  }

  #mapAt(
    service: IgdService,
    transport: Transport,
    port: number,
    lifetime: number,
    answered: (outcome: MapOutcome) => void,
  ): void {
    this.#lastAsked = service;
    this.#act(service, addPortMapping(transport, port, this.#local, lifetime), (outcome) => {
      if (outcome.ok) {
        this.#act(service, GET_EXTERNAL_ADDRESS, (address) => {
          const externalHost = address.ok ? decodeExternalAddress(address.body) : null;
          answered({ ok: true, externalHost, externalPort: port, lifetime });
        });
      } else if (outcome.code === ONLY_PERMANENT_LEASES && lifetime !== 0) {
        this.#mapAt(service, transport, port, 0, answered);
      } else answered({ ok: false, message: outcome.message });
    });
  }

  #act(service: IgdService, action: IgdAction, answered: (outcome: ActionOutcome) => void): void {
    this.#ask(service.controlUrl, encodeAction(service, action), (outcome) => {
      if (outcome.ok) answered({ ok: true, body: outcome.body });
      else {
        const error = outcome.code === 'status' ? decodeIgdError(outcome.body) : undefined;
        const message = error === undefined ? outcome.message : `${error.description || 'it refuses'} (${error.code})`;
        answered({ ok: false, code: error?.code ?? null, message });
      }
    });
  }

  #ask(url: string, post: HttpPost | null, answered: (outcome: HttpFetchOutcome) => void): void {
    const call = this.#askGateway(url, post, (outcome) => {
      this.#underWay.delete(call);
      answered(outcome);
    });
    this.#underWay.add(call);
  }
}
