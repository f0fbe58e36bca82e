import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get } from 'node:http';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { parseMetainfo } from '../../../src/metainfo/parse-metainfo.js';
import { Bitfield } from '../../../src/wire/bitfield.js';
import { encodeHandshake, PEER_ID_LENGTH } from '../../../src/wire/handshake.js';
import { encodeMessage } from '../../../src/wire/message.js';
import { encodeReserved } from '../../../src/wire/reserved.js';
import { singleFile } from '../../support/torrent-bytes.js';
import { type Onlooker, startOnlooker } from '../../torture/onlooker.js';

const METAINFO = parseMetainfo(singleFile());
const SEED_PORT = 6881;

async function onlookerFor(test: TestContext): Promise<Onlooker> {
  const onlooker = await startOnlooker(METAINFO, SEED_PORT);
  test.after(() => onlooker.end());
  return onlooker;
}

async function dial({ address }: Onlooker): Promise<Socket> {
  const socket = connect(Number(address.split(':')[1]), '127.0.0.1');
  await once(socket, 'connect');
  return socket.resume();
}

/** `name` says that it began with some pieces, and has got others since. Over when all of it has been heard. */
async function say(socket: Socket, name: string, atStart: readonly number[], since: readonly number[]): Promise<void> {
  const bitfield = new Bitfield(METAINFO.pieceCount);
  for (const piece of atStart) bitfield.set(piece);
  socket.write(encodeHandshake(METAINFO.infoHash, Buffer.alloc(PEER_ID_LENGTH, name), encodeReserved([])));
  socket.write(encodeMessage({ type: 'bitfield', bits: bitfield.toWire() }));
  for (const piece of since) socket.write(encodeMessage({ type: 'have', piece }));
  socket.end();
  await once(socket, 'close');
}

/** Announces; `sent` is when the tracker has it, `answered` what it says. */
function ask(tracker: string, name: string): { readonly sent: Promise<unknown>; readonly answered: Promise<string> } {
  const request = get(`${tracker}?info_hash=x&peer_id=${name.repeat(PEER_ID_LENGTH)}`, { agent: false });
  const answered = once(request, 'response').then(async ([response]) => {
    let body = '';
    for await (const text of response.setEncoding('latin1')) body += text;
    return body;
  });
  return { sent: once(request, 'finish'), answered };
}

const all = ({ heard }: ReturnType<Onlooker['listen']>): { atStart: number[] | null; since: number[] } => {
  const { atStart, since } = heard();
  return { atStart: atStart && [...atStart], since: [...since.keys()] };
};

test('the onlooker hears whoever asks its tracker, and no other download that comes to it before', async (test) => {
  const onlooker = await onlookerFor(test);
  const hearing = onlooker.listen();
  const stranger = await dial(onlooker);
  const victim = await dial(onlooker);
  await say(stranger, 's', [0, 1], [2]);
  const { answered } = ask(hearing.tracker, 'v');
  await say(victim, 'v', [1], [0]);
  assert.match(await answered, /peers6:/);
  assert.deepEqual(all(hearing), { atStart: [1], since: [0] });
});

test('what a killed download still has to say is not heard as the words of the next one', async (test) => {
  const onlooker = await onlookerFor(test);
  const first = onlooker.listen();
  const killed = await dial(onlooker);
  const earlier = ask(first.tracker, 'k');
  const second = onlooker.listen();
  await say(killed, 'k', [0], []);
  await earlier.answered;
  assert.deepEqual(all(second), { atStart: null, since: [] });
  assert.deepEqual(all(first), { atStart: [0], since: [] });
});

test('the tracker keeps a download waiting until that very one has said what it has', async (test) => {
  const onlooker = await onlookerFor(test);
  const { tracker } = onlooker.listen();
  const victim = await dial(onlooker);
  const { sent, answered } = ask(tracker, 'v');
  let isAnswered = false;
  const noted = answered.then(() => {
    isAnswered = true;
  });
  await sent;
  await say(await dial(onlooker), 's', [0], []);
  // The answer would have come before that of a whole conversation that began later.
  await ask(onlooker.listen().tracker, 's').answered;
  assert.equal(isAnswered, false);
  await say(victim, 'v', [], []);
  await noted;
});
