import type { Millis } from '../../base/clock.js';
import type { RawServer } from '../../net/raw-server.js';
import type { NodeProxy } from '../../session/node-proxy.js';
import { type Finding, failed, fine, warning } from './finding.js';

export interface ProxyCheckParts {
  readonly proxy: NodeProxy;
  /** The loop behind the proxy. */
  readonly proxied: RawServer;
}

const LIMIT: Millis = 10_000;

/** Checks that the proxy lets us in, and whether it carries datagrams. It names no other host to the proxy. */
export async function checkProxy(parts: ProxyCheckParts): Promise<readonly Finding[]> {
  const { shown } = parts.proxy.server;
  const trouble = await enter(parts);
  if (trouble !== null) return [failed('proxy', trouble, NOTHING_GOES)];
  const refusal = await relay(parts);
  const found = fine('proxy', `the proxy ${shown} is there`);
  if (refusal === null) return [found, fine('proxy-udp', `the proxy ${shown} carries UDP`)];
  return [found, warning('proxy-udp', refusal, 'neither the DHT nor trackers over UDP can be used')];
}

const NOTHING_GOES = 'nothing goes beside a proxy: without it there is no transfer';

/**
 * Null when nothing is wrong between the proxy and us. It is asked to connect to itself: whether it does so says
 * nothing, but it must have let us in first.
 */
function enter({ proxy, proxied }: ProxyCheckParts): Promise<string | null> {
  return new Promise((resolve) => {
    const { host, port, shown } = proxy.server;
    const end = (trouble: string | null): void => {
      limit.cancel();
      socket.close();
      resolve(trouble);
    };
    const limit = proxied.addTask(() => end(`the proxy ${shown} does not answer`), LIMIT);
    const socket = proxied.startConnection(
      { host, port },
      {
        connectionMade: () => end(null),
        dataCameIn: () => undefined,
        connectionFlushed: () => undefined,
        connectionLost: () => end(proxy.trouble),
      },
    );
  });
}

/** Null when the proxy relays datagrams. */
function relay({ proxied }: ProxyCheckParts): Promise<string | null> {
  return new Promise((resolve) => {
    const handler = { datagramCameIn: () => undefined, sendFailed: () => undefined };
    proxied.openDatagram({ family: 4, port: 0 }, handler, (outcome) => {
      if (!outcome.ok) {
        resolve(String(outcome.cause ?? outcome.code));
        return;
      }
      resolve(outcome.socket.local.port === 0 ? 'the proxy does not answer when it is asked to carry UDP' : null);
      outcome.socket.close();
    });
  });
}
