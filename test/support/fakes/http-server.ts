import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createSecureServer, type ServerOptions } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { CERTIFICATE, CERTIFICATE_KEY } from './certificate.js';

/** Starts a server on loopback. It is closed with its connections when the test ends. Resolves to its `host:port`. */
async function listen(context: TestContext, server: Server, host: string, at = 0): Promise<string> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
  });
  context.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  server.listen(at, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

export function serveHttp(context: TestContext, handle: RequestListener, host = '127.0.0.1'): Promise<string> {
  return listen(context, createServer({ keepAliveTimeout: 60_000 }, handle), host);
}

export function serveHttps(context: TestContext, handle: RequestListener, host = '127.0.0.1'): Promise<string> {
  const server = createSecureServer({ cert: CERTIFICATE, key: CERTIFICATE_KEY }, handle);
  return listen(context, server, host);
}

/** A server with the test's own certificate, versions and ciphers. It answers each request with the word `content`. */
export function serveTls(context: TestContext, options: ServerOptions): Promise<string> {
  return listen(
    context,
    createSecureServer(options, (_request, response) => response.end('content')),
    '127.0.0.1',
  );
}

/** A TCP server, for answers that no HTTP server would give. */
export function serveTcp(context: TestContext, handle: (socket: Socket) => void, host = '127.0.0.1'): Promise<string> {
  return listen(context, createTcpServer(handle), host);
}

/** As `serveTcp`, at a given port. */
export function serveTcpAt(
  context: TestContext,
  host: string,
  port: number,
  handle: (socket: Socket) => void,
): Promise<string> {
  return listen(context, createTcpServer(handle), host, port);
}

/** A port on which no program listens any more. */
export async function closedPort(host = '127.0.0.1'): Promise<number> {
  const server = createTcpServer().listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
