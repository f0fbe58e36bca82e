import assert from 'node:assert/strict';
import type { PeerAddress } from '../../../src/net/raw-server.js';
import { encodePexMessage, UT_PEX } from '../../../src/swarm/extensions/peer-exchange.js';
import { decodeExtensionHandshake, encodeExtensionHandshake, SILENT_HANDSHAKE } from '../../../src/wire/extended.js';
import { encodeReserved } from '../../../src/wire/reserved.js';
import type { FakeScript } from './fake-talk.js';

/** Sends the other side one message of ut_pex that names these addresses as seeds. */
export type TellOf = (addresses: readonly PeerAddress[]) => void;

/** The script of a peer with ut_pex. It calls `begin` when the other side has said that it wants addresses. */
export function pexScript(begin: (tellOf: TellOf) => void): FakeScript {
  return {
    gotHandshake: (talk) => {
      talk.say(talk.handshake(encodeReserved(['extended'])));
      const payload = encodeExtensionHandshake({ ...SILENT_HANDSHAKE, ids: new Map([[UT_PEX, 1]]) });
      talk.sayMessages({ type: 'extended', id: 0, payload });
    },
    gotMessage: (talk, message) => {
      if (message.type !== 'extended' || message.id !== 0) return;
      const id = decodeExtensionHandshake(message.payload)?.ids.get(UT_PEX) ?? assert.fail('it wants no such news');
      begin((addresses) => {
        const added = addresses.map((address) => ({
          address,
          isSeed: true,
          isReachable: true,
          prefersEncryption: false,
        }));
        talk.sayMessages({ type: 'extended', id, payload: encodePexMessage({ added, dropped: [] }) });
      });
    },
  };
}
