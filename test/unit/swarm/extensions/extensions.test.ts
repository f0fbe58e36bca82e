import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ExtendedPeer, type Extension, Extensions } from '../../../../src/swarm/extensions/extensions.js';
import { FINE, JUNK } from '../../../../src/swarm/judgement.js';
import { decodeExtensionHandshake, encodeExtensionHandshake, SILENT_HANDSHAKE } from '../../../../src/wire/extended.js';
import { decodeMessage } from '../../../../src/wire/message.js';
import { encodeReserved } from '../../../../src/wire/reserved.js';
import { RecordedConnection } from '../../../support/fakes/recorded-connection.js';

class SpeakingConnection extends RecordedConnection {
  override readonly reserved: Buffer = encodeReserved(['extended']);
  readonly payloads: [id: number, payload: Buffer][] = [];

  override send(chunks: readonly Buffer[]): void {
    super.send(chunks);
    const decoded = decodeMessage(Buffer.concat(chunks).subarray(4));
    assert.ok(decoded.ok && decoded.message.type === 'extended');
    this.payloads.push([decoded.message.id, decoded.message.payload]);
  }
}

function setUp() {
  const log: string[] = [];
  const extension = (name: string): Extension => ({
    name,
    gotHandshake: (peer: ExtendedPeer) => log.push(`${name}: handshake ${peer.handshake.version}`),
    gotMessage: (_peer, payload) => {
      log.push(`${name}: ${payload}`);
      return FINE;
    },
    peerLeft: () => log.push(`${name}: left`),
  });
  const own = { ...SILENT_HANDSHAKE, version: 'btget', requestQueue: 500, uploadOnly: false };
  const news = (peer: ExtendedPeer) => log.push(`news of ${peer.handshake.version}`);
  const extensions = new Extensions([extension('x'), extension('y')], () => own, news);
  return { log, extensions, own, connection: new SpeakingConnection() };
}

const hello = (ids: Record<string, number>, version: string | null = 'v') =>
  encodeExtensionHandshake({ ...SILENT_HANDSHAKE, ids: new Map(Object.entries(ids)), version });

test('a peer that announces the extension protocol hears what we speak, and its own address', () => {
  const { extensions, connection } = setUp();
  extensions.connectionMade(connection);
  assert.deepEqual(
    connection.payloads.map(([id]) => id),
    [0],
  );
  assert.deepEqual(decodeExtensionHandshake(connection.payloads[0]?.[1] ?? Buffer.alloc(0)), {
    ...SILENT_HANDSHAKE,
    ids: new Map([
      ['x', 1],
      ['y', 2],
    ] as [string, number][]),
    version: 'btget',
    requestQueue: 500,
    uploadOnly: false,
    yourIp: Buffer.of(10, 0, 0, 1),
  });
});

test('a peer that does not announce the extension protocol hears nothing, and what it sends is junk', () => {
  const { extensions, log } = setUp();
  const connection = new RecordedConnection();
  extensions.connectionMade(connection);
  assert.deepEqual(connection.said(), []);
  assert.equal(extensions.gotMessage(connection, 0, hello({})), JUNK);
  assert.equal(extensions.gotMessage(connection, 1, Buffer.from('a')), JUNK);
  extensions.connectionLost(connection);
  assert.deepEqual(log, []);
});

test('a message goes to the extension of its id, once the handshake has come', () => {
  const { extensions, connection, log } = setUp();
  extensions.connectionMade(connection);
  assert.equal(extensions.gotMessage(connection, 1, Buffer.from('early')), JUNK);
  assert.equal(extensions.peerOf(connection), undefined);
  assert.equal(extensions.gotMessage(connection, 0, hello({ y: 9 })), FINE);
  assert.equal(extensions.gotMessage(connection, 2, Buffer.from('hi')), FINE);
  assert.equal(extensions.gotMessage(connection, 3, Buffer.from('nobody')), JUNK);
  extensions.connectionLost(connection);
  assert.deepEqual(log, ['news of v', 'x: handshake v', 'y: handshake v', 'y: hi', 'x: left', 'y: left']);
});

test('a message goes out under the id that the peer chose, and not at all when it gave none or withdrew it', () => {
  const { extensions, connection } = setUp();
  extensions.connectionMade(connection);
  extensions.gotMessage(connection, 0, hello({ y: 9 }));
  const peer = extensions.peerOf(connection);
  assert.equal(peer?.send('y', Buffer.from('a')), true);
  assert.equal(peer?.send('x', Buffer.from('b')), false);
  extensions.gotMessage(connection, 0, hello({ y: 0 }));
  assert.equal(peer?.send('y', Buffer.from('c')), false);
  assert.deepEqual(connection.payloads.slice(1), [[9, Buffer.from('a')]]);
});

test('later handshakes change what we know of a peer and are counted; a malformed one ends the connection', () => {
  const { extensions, connection } = setUp();
  extensions.connectionMade(connection);
  extensions.gotMessage(connection, 0, hello({ x: 1 }, 'first'));
  assert.equal(extensions.gotMessage(connection, 0, hello({ y: 2 }, null)), JUNK);
  assert.deepEqual(extensions.peerOf(connection)?.handshake, {
    ...SILENT_HANDSHAKE,
    ids: new Map([
      ['x', 1],
      ['y', 2],
    ] as [string, number][]),
    version: 'first',
  });
  const judgement = extensions.gotMessage(connection, 0, Buffer.from('x'));
  assert.deepEqual(judgement, {
    kind: 'refuse',
    reason: { code: 'malformed-extension', name: 'handshake', length: 1 },
  });
});

test('when what we say of ourselves changes, each peer that speaks the extension protocol hears it', () => {
  const { extensions, connection, own } = setUp();
  extensions.ownChanged();
  extensions.connectionMade(connection);
  extensions.ownChanged();
  assert.equal(connection.payloads.length, 1);
  own.uploadOnly = true;
  extensions.ownChanged();
  extensions.ownChanged();
  assert.deepEqual(
    connection.payloads.map(([id, payload]) => [id, decodeExtensionHandshake(payload)?.uploadOnly]),
    [
      [0, false],
      [0, true],
    ],
  );
  extensions.connectionLost(connection);
  own.uploadOnly = false;
  extensions.ownChanged();
  assert.equal(connection.payloads.length, 2);
});
