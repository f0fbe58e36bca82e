/** Proxies on loopback over real sockets: SOCKS5 with CONNECT alone, and HTTP. They know names that nobody else knows. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { serveTcp } from './http-server.js';

export interface ProxyScript {
  /** `user:password`; absent: the proxy wants none. */
  readonly password?: string;
  /** Where the hosts lead that it knows by name, as IP literals. */
  readonly names?: Readonly<Record<string, string>>;
  /** What the proxy answers instead of connecting: a reply code of SOCKS5, a status of HTTP. */
  readonly refusal?: number;
}

export interface ProxyServer {
  /** `127.0.0.1:PORT`. */
  readonly place: string;
  /** What was asked of it, as `HOST:PORT`, and for an HTTP proxy `METHOD TARGET`. */
  readonly asked: string[];
}

/** Reads from a socket what the other side sends, a number of bytes at a time. */
class Bytes {
  readonly #socket: Socket;
  #bytes: Buffer = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.pause();
  }

  async take(length: number): Promise<Buffer> {
    while (this.#bytes.length < length) await this.#more();
    const taken = this.#bytes.subarray(0, length);
    this.#bytes = this.#bytes.subarray(length);
    return taken;
  }

  async takeHead(): Promise<string> {
    while (!this.#bytes.includes('\r\n\r\n')) await this.#more();
    return (await this.take(this.#bytes.indexOf('\r\n\r\n') + 4)).toString('latin1');
  }

  rest(): Buffer {
    return this.#bytes;
  }

  async #more(): Promise<void> {
    let data = this.#socket.read() as Buffer | null;
    while (data === null) {
      if (this.#socket.readableEnded || this.#socket.destroyed) throw new Error('the client has gone');
      await Promise.race([once(this.#socket, 'readable'), once(this.#socket, 'close')]);
      data = this.#socket.read() as Buffer | null;
    }
    this.#bytes = Buffer.concat([this.#bytes, data]);
  }
}

function join(client: Socket, bytes: Bytes, host: string, port: number, connected: (far: Socket) => void): void {
  const far = connect(port, host, () => {
    connected(far);
    far.write(bytes.rest());
    client.pipe(far);
    far.pipe(client);
  });
  far.on('error', () => client.destroy());
  far.on('close', () => client.destroy());
  client.on('close', () => far.destroy());
}

export async function serveSocks5(context: TestContext, script: ProxyScript = {}): Promise<ProxyServer> {
  const asked: string[] = [];
  const serve = async (client: Socket): Promise<void> => {
    const bytes = new Bytes(client);
    const [, count = 0] = await bytes.take(2);
    const methods = await bytes.take(count);
    const method = script.password === undefined ? 0 : 2;
    client.write(Buffer.from([5, methods.includes(method) ? method : 0xff]));
    if (!methods.includes(method)) return;
    if (method === 2) {
      const [, userLength = 0] = await bytes.take(2);
      const user = await bytes.take(userLength);
      const [length = 0] = await bytes.take(1);
      const isRight = `${user}:${await bytes.take(length)}` === script.password;
      client.write(Buffer.from([1, isRight ? 0 : 1]));
      if (!isRight) return;
    }
    const [, , , type = 0] = await bytes.take(4);
    const length = type === 3 ? ((await bytes.take(1))[0] ?? 0) : 4;
    const raw = await bytes.take(length);
    const host = type === 3 ? raw.toString('latin1') : raw.join('.');
    const port = (await bytes.take(2)).readUInt16BE();
    asked.push(`${host}:${port}`);
    const to = script.names?.[host] ?? (type === 3 ? undefined : host);
    const refusal = script.refusal ?? (to === undefined ? 4 : 0);
    if (refusal !== 0) client.end(Buffer.from([5, refusal, 0, 1, 0, 0, 0, 0, 0, 0]));
    else join(client, bytes, to as string, port, () => client.write(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0])));
  };
  return { place: await serveTcp(context, (client) => void serve(client).catch(() => client.destroy())), asked };
}

export async function serveHttpProxy(context: TestContext, script: ProxyScript = {}): Promise<ProxyServer> {
  const asked: string[] = [];
  const serve = async (client: Socket): Promise<void> => {
    const bytes = new Bytes(client);
    const head = await bytes.takeHead();
    const [, method = '', target = ''] = /^(\S+) (\S+) /.exec(head) ?? [];
    asked.push(`${method} ${target}`);
    const said = /^proxy-authorization: Basic (.*)\r$/im.exec(head)?.[1] ?? '';
    const isRight = script.password === undefined || Buffer.from(said, 'base64').toString() === script.password;
    const url = new URL(method === 'CONNECT' ? `http://${target}` : target);
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
    const to = script.names?.[host] ?? (/^[\d.]+$/.test(host) ? host : undefined);
    const status = isRight ? (script.refusal ?? (to === undefined ? 502 : 200)) : 407;
    if (status !== 200) client.end(`HTTP/1.1 ${status} no\r\nContent-Length: 0\r\n\r\n`);
    else
      join(client, bytes, to as string, Number(url.port === '' ? 80 : url.port), (far) => {
        if (method === 'CONNECT') client.write('HTTP/1.1 200 Connection established\r\n\r\n');
        else far.write(head.replace(target, url.pathname + url.search).replace(/^proxy-authorization:.*\r\n/im, ''));
      });
  };
  return { place: await serveTcp(context, (client) => void serve(client).catch(() => client.destroy())), asked };
}
