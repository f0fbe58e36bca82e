import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { encodeBencode } from '../../src/bencode/encode.js';

export interface NamingTracker {
  /** A new announce URL whose answer names the peers at these ports of 127.0.0.1. */
  urlFor(ports: readonly number[]): string;
  end(): void;
}

const HOUR = 3600;

/** A tracker that remembers no peer: each of its URLs always names the same peers. */
export async function startNamingTracker(): Promise<NamingTracker> {
  const answers = new Map<string, Buffer>();
  const server = createServer((request, response) => {
    const answer = answers.get(request.url?.split('?')[0] ?? '');
    if (answer === undefined) response.writeHead(404).end();
    else response.end(answer);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    urlFor(ports) {
      const path = `/${answers.size}/announce`;
      const peers = Buffer.concat(ports.map((peer) => Buffer.from([127, 0, 0, 1, peer >> 8, peer & 0xff])));
      answers.set(path, encodeBencode(new Map<string, number | Buffer>(Object.entries({ interval: HOUR, peers }))));
      return `http://127.0.0.1:${port}${path}`;
    },
    end() {
      server.closeAllConnections();
      server.close();
    },
  };
}
