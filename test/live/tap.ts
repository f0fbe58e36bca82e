import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { Framer, type Step } from '../../src/wire/framer.js';
import { readHandshakeHead, readPeerId } from '../../src/wire/handshake.js';
import { decodeMessage, type PeerMessage } from '../../src/wire/message.js';
import { announces } from '../../src/wire/reserved.js';

/** What one side has said. */
export interface Said {
  /** It announced the fast extension. */
  fast: boolean;
  readonly counts: Map<PeerMessage['type'], number>;
}

export interface Tap {
  /** `HOST:PORT`: whoever dials it talks to the other one. */
  readonly address: string;
  readonly dialling: Said;
  readonly dialled: Said;
}

/** Listens in on a conversation between two clients, and changes nothing of it. */
export async function startTap(test: TestContext, host: string, target: string): Promise<Tap> {
  const [dialling, dialled] = [nothingSaid(), nothingSaid()];
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const [targetHost = '', port = ''] = target.split(':');
    const far = connect({ host: targetHost, port: Number(port), localAddress: host });
    for (const [from, to, said] of [
      [near, far, dialling],
      [far, near, dialled],
    ] as const) {
      const framer = listener(said);
      sockets.add(from);
      from.on('data', (chunk: Buffer) => {
        framer.dataCameIn(chunk);
        if (!to.write(chunk)) from.pause();
      });
      to.on('drain', () => from.resume());
      from.on('close', () => to.destroy());
      from.on('error', () => to.destroy());
    }
  });
  test.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return { address: `${host}:${(server.address() as AddressInfo).port}`, dialling, dialled };
}

function nothingSaid(): Said {
  return { fast: false, counts: new Map() };
}

function listener(said: Said): Framer {
  const readLength = (): Step => ({
    kind: 'read',
    nextLen: 4,
    nextFunc: (frame) => {
      const length = frame.readUInt32BE(0);
      return length === 0 ? readLength() : { kind: 'read', nextLen: length, nextFunc: readMessage };
    },
  });
  const readMessage = (frame: Buffer): Step => {
    const decoded = decodeMessage(frame);
    if (!decoded.ok) return { kind: 'refuse', reason: decoded.refusal };
    const { type } = decoded.message;
    said.counts.set(type, (said.counts.get(type) ?? 0) + 1);
    return readLength();
  };
  const first = readHandshakeHead((_infoHash, reserved) => {
    said.fast = announces(reserved, 'fast');
    return readPeerId(readLength);
  });
  return new Framer(first.nextLen, first.nextFunc, ({ code }) => {
    // Whoever tries encryption first comes again without.
    if (code !== 'not-bittorrent') throw new Error(`a client said what nobody understands: ${code}`);
  });
}
