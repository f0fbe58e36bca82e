/** Answers in the form that clients read: bencoded, always with status 200, a refusal as a `failure reason`. */
import { type Encodable, encodeBencode } from '../bencode/encode.js';
import type { HttpAnswer } from './http-message.js';
import type { TrackedPeer } from './torrent-peers.js';

export function bencodedAnswer(fields: Readonly<Record<string, Encodable>>): HttpAnswer {
  return { status: 200, contentType: 'text/plain', body: encodeBencode(new Map(Object.entries(fields))) };
}

export function failureAnswer(reason: string): HttpAnswer {
  return bencodedAnswer({ 'failure reason': reason });
}

export function textAnswer(status: number, contentType: string, text: string): HttpAnswer {
  return { status, contentType, body: Buffer.from(text) };
}

/** BEP 23 and BEP 7: IPv4 peers in `peers`, IPv6 peers in `peers6`, which is left out when there are none. */
export function compactPeers(peers: readonly TrackedPeer[]): Record<string, Encodable> {
  const of = (family: 4 | 6) =>
    Buffer.concat(peers.filter((peer) => peer.family === family).map(({ compact }) => compact));
  const peers6 = of(6);
  return { peers: of(4), ...(peers6.length === 0 ? {} : { peers6 }) };
}

/** BEP 3: a list of dictionaries. */
export function listedPeers(peers: readonly TrackedPeer[], withPeerIds: boolean): Record<string, Encodable> {
  return {
    peers: peers.map(({ host, port, peerId }) => {
      const peer = new Map<string, Encodable>([
        ['ip', host],
        ['port', port],
      ]);
      return withPeerIds ? peer.set('peer id', peerId) : peer;
    }),
  };
}
