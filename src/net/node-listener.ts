import { createServer, type Server, type Socket } from 'node:net';
import { normaliseHost } from './ip-address.js';
import { listenFailure } from './node-failure.js';
import type { ListenOutcome, StreamAddress } from './raw-server.js';

/** Where to listen: at a path, or at a port of each of `hosts`. An undefined host is every address of every family. */
export type NodeListenPlace =
  | { readonly path: string }
  | { readonly hosts: readonly (string | undefined)[]; readonly port: number };

/** How often we choose a free port: one that is free at the first host may be in use at the second. */
const FREE_PORT_TRIES = 10;

/** Opens one listening socket for each host, all at the same port, or none. Closing the listener closes all of them. */
export function openListener(
  place: NodeListenPlace,
  accepted: (socket: Socket) => void,
  answered: (outcome: ListenOutcome) => void,
): void {
  if ('path' in place) {
    openServer({ path: place.path }, accepted, (outcome) => {
      answered(outcome.ok ? { ok: true, listener: { address: place, close: outcome.close } } : outcome);
    });
    return;
  }
  openPorts(place, accepted, answered, FREE_PORT_TRIES);
}

function openPorts(
  place: { readonly hosts: readonly (string | undefined)[]; readonly port: number },
  accepted: (socket: Socket) => void,
  answered: (outcome: ListenOutcome) => void,
  tries: number,
): void {
  const opened: (() => void)[] = [];
  const close = (): void => {
    for (const closeOne of opened) closeOne();
  };
  let first: StreamAddress = { path: '' };
  const openNext = (port: number): void => {
    const host = place.hosts[opened.length];
    openServer({ port, ...(host === undefined ? {} : { host }) }, accepted, (outcome) => {
      if (!outcome.ok) {
        close();
        const mayRetry = outcome.code === 'in-use' && place.port === 0 && tries > 1;
        if (mayRetry) openPorts(place, accepted, answered, tries - 1);
        else answered(outcome);
        return;
      }
      if (opened.length === 0) first = outcome.address;
      opened.push(outcome.close);
      if (opened.length < place.hosts.length) openNext('port' in outcome.address ? outcome.address.port : port);
      else answered({ ok: true, listener: { address: first, close } });
    });
  };
  openNext(place.port);
}

type ServerOutcome =
  | { readonly ok: true; readonly address: StreamAddress; readonly close: () => void }
  | (ListenOutcome & { readonly ok: false });

function openServer(
  place: { readonly path: string } | { readonly host?: string; readonly port: number },
  accepted: (socket: Socket) => void,
  answered: (outcome: ServerOutcome) => void,
): void {
  const server = createServer({ noDelay: true }, accepted);
  let isOpen = false;
  server.on('error', (error) => {
    // After 'listening', an error means that one connection could not be accepted, because no descriptor was left. The
    // other side sees it closed, and the server accepts the next one.
    if (!isOpen) answered(listenFailure(error));
  });
  server.on('listening', () => {
    isOpen = true;
    answered({ ok: true, address: addressOf(server), close: () => server.close() });
  });
  try {
    server.listen(place);
  } catch (error) {
    setImmediate(() => answered(listenFailure(error)));
  }
}

function addressOf(server: Server): StreamAddress {
  const address = server.address();
  if (address === null || typeof address === 'string') return { path: address ?? '' };
  return { host: normaliseHost(address.address) ?? address.address, port: address.port };
}
