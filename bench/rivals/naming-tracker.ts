import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { encodeBencode } from '../../src/bencode/encode.js';

export interface NamingTracker {
  /** The announce URL whose answer names these peers, on 127.0.0.1. */
  urlFor(ports: readonly number[]): string;
  end(): void;
}

/** A tracker that remembers nobody and names the peers that stand in the URL. */
export async function startNamingTracker(): Promise<NamingTracker> {
  const server = createServer((request, response) => {
    const ports =
      /^\/([\d,]+)\/announce/
        .exec(request.url ?? '')?.[1]
        ?.split(',')
        .map(Number) ?? [];
    const peers = Buffer.concat(ports.map((port) => Buffer.from([127, 0, 0, 1, port >> 8, port & 0xff])));
    const HOUR = 3600;
    response.end(
      encodeBencode(
        new Map<string, number | Buffer>([
          ['interval', HOUR],
          ['peers', peers],
        ]),
      ),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    urlFor: (ports) => `http://127.0.0.1:${port}/${ports.join(',')}/announce`,
    end() {
      server.closeAllConnections();
      server.close();
    },
  };
}
