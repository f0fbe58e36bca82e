/** Servers that a test plays itself, each on a free port of its host until the test ends. */
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

function listen(test: TestContext, server: Server, host: string): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    // The other side may hang up in the middle of whatever it is told.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
  });
  test.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return new Promise((resolve) => server.listen(0, host, () => resolve((server.address() as AddressInfo).port)));
}

export interface SilentServer {
  /** `HOST:PORT` */
  readonly address: string;
  /** Resolves when somebody has sent something to it. */
  readonly spokenTo: Promise<void>;
}

/** Accepts every connection and never says a word. */
export async function startSilentServer(test: TestContext, host: string): Promise<SilentServer> {
  let spokenTo: () => void = () => undefined;
  const promise = new Promise<void>((resolve) => {
    spokenTo = resolve;
  });
  const server = createServer((socket) => socket.once('data', spokenTo).resume());
  return { address: `${host}:${await listen(test, server, host)}`, spokenTo: promise };
}

/** Answers HTTP as `answer` does. Resolves to the URL of its root, without the last slash. */
export async function startHttpServer(test: TestContext, host: string, answer: RequestListener): Promise<string> {
  return `http://${host}:${await listen(test, createHttpServer(answer), host)}`;
}

/** A port of `host` at which nobody listens. */
export async function freePort(host: string): Promise<number> {
  const server = createServer();
  const port = await new Promise<number>((resolve) =>
    server.listen(0, host, () => resolve((server.address() as AddressInfo).port)),
  );
  await new Promise((resolve) => server.close(resolve));
  return port;
}
