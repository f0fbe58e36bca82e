/** Opens the port of `btget tracker` over TCP and UDP. */
import { BtgetError } from '../../base/failure.js';
import type { BindAddresses } from '../../net/fence.js';
import type {
  DatagramHandler,
  DatagramOutcome,
  DatagramSocket,
  Listener,
  ListenHandler,
  RawServer,
} from '../../net/raw-server.js';

/** The port at which a tracker answers, over TCP and over UDP. */
export interface TrackerPorts {
  /** `HOST:PORT`, as it stands in a URL. */
  readonly place: string;
  close(): void;
}

/** How often to try another free port when a port that is free over TCP is taken over UDP. */
const FREE_PORT_TRIES = 10;

/** Opens `port` (0: a free one) over TCP and UDP. Rejects with a 'network' failure when one cannot be opened. */
export async function openTrackerPorts(
  server: RawServer,
  port: number,
  bind: BindAddresses | null,
  http: ListenHandler,
  udp: DatagramHandler,
): Promise<TrackerPorts> {
  for (let tries = FREE_PORT_TRIES; ; tries -= 1) {
    const listener = await listen(server, port, http);
    const { address } = listener;
    if (!('port' in address)) throw new Error(`a tracker at ${address.path}`);
    const sockets = await openDatagrams(server, address.port, bind, udp);
    const close = (): void => {
      listener.close();
      for (const socket of sockets) if (!('code' in socket)) socket.close();
    };
    const failure = sockets.find((socket) => 'code' in socket);
    if (failure === undefined) return { place: placeOf(address.host, address.port, bind), close };
    close();
    if (port !== 0 || failure.code !== 'in-use' || tries <= 1)
      throw failureOf(`port ${address.port} over UDP`, failure);
  }
}

function listen(server: RawServer, port: number, handler: ListenHandler): Promise<Listener> {
  return new Promise((resolve, reject) => {
    server.listen({ port }, handler, (outcome) => {
      if (outcome.ok) resolve(outcome.listener);
      else reject(failureOf(`port ${port}`, outcome));
    });
  });
}

type Refused = DatagramOutcome & { readonly ok: false };

/**
 * Opens a socket for each family that `bind` allows. A machine may have no IPv6: that is a failure only when `bind`
 * asks for IPv6, or when the port is in use.
 */
async function openDatagrams(
  server: RawServer,
  port: number,
  bind: BindAddresses | null,
  handler: DatagramHandler,
): Promise<(DatagramSocket | Refused)[]> {
  const sockets: (DatagramSocket | Refused)[] = [];
  for (const family of [4, 6] as const) {
    if (bind !== null && (family === 4 ? bind.ipv4 : bind.ipv6) === undefined) continue;
    const outcome = await new Promise<DatagramOutcome>((resolve) => {
      server.openDatagram({ family, port }, handler, resolve);
    });
    if (outcome.ok) sockets.push(outcome.socket);
    else if (family === 4 || bind !== null || outcome.code === 'in-use') sockets.push(outcome);
  }
  return sockets;
}

function failureOf(what: string, { code, cause }: Refused): BtgetError {
  const why = code === 'in-use' ? 'it is in use' : String(cause ?? code);
  return new BtgetError('network', `cannot listen on ${what}: ${why}`, { cause });
}

function placeOf(host: string, port: number, bind: BindAddresses | null): string {
  const everywhere = bind === null && (host === '::' || host === '0.0.0.0');
  const name = everywhere ? 'localhost' : host;
  return `${name.includes(':') ? `[${name}]` : name}:${port}`;
}
