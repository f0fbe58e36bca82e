import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeMessage } from '../../../../src/discovery/dht/decode-message.js';
import { DEFAULT_DHT_OPTIONS, type DhtOptions } from '../../../../src/discovery/dht/dht-options.js';
import type { Answer } from '../../../../src/discovery/dht/message.js';
import { Transactions } from '../../../../src/discovery/dht/transactions.js';
import type { PeerAddress } from '../../../../src/net/raw-server.js';
import { seededRandom } from '../../../support/simulation/seeded-random.js';
import { Timeline } from '../../../support/simulation/timeline.js';

const TO = { host: '192.0.2.1', port: 6881 };
const ANSWER: Answer = { id: Buffer.alloc(20, 1), contacts: [], peers: [], token: null };

function world(options: Partial<DhtOptions> = {}) {
  const timeline = new Timeline();
  const log: string[] = [];
  const sent: { readonly transaction: Buffer; readonly at: number; readonly readOnly: boolean }[] = [];
  const send = (packet: Buffer): void => {
    const message = decodeMessage(packet);
    assert.equal(message.kind, 'query');
    sent.push({ transaction: message.transaction, at: timeline.now(), readOnly: message.readOnly });
  };
  const transactions = new Transactions(
    { timers: timeline, random: seededRandom(1), ownId: () => Buffer.alloc(20), send },
    { ...DEFAULT_DHT_OPTIONS, ...options },
  );
  const ask = (to = TO) =>
    transactions.ask(to, { method: 'ping' }, (outcome) => log.push(outcome.ok ? 'answered' : outcome.code));
  const answer = (transaction: Buffer, from: PeerAddress = TO) =>
    transactions.gotAnswer({ kind: 'answer', transaction, answer: ANSWER, seenAs: null }, from);
  return { timeline, log, sent, transactions, ask, answer };
}

test('an answer counts only once, and only from the address that we asked and with our transaction', () => {
  const { log, sent, ask, answer, timeline } = world();
  ask();
  const transaction = sent[0]?.transaction as Buffer;
  assert.equal(transaction.length, 4);
  answer(transaction, { host: '192.0.2.2', port: 6881 });
  answer(transaction, { host: '192.0.2.1', port: 6882 });
  answer(Buffer.alloc(4));
  answer(Buffer.alloc(0));
  assert.deepEqual(log, []);
  answer(transaction);
  answer(transaction);
  assert.deepEqual(log, ['answered']);
  assert.equal(timeline.pending, 0);
});

test('a query without an answer times out, and a late answer is ignored', () => {
  const { log, sent, ask, answer, timeline } = world();
  ask();
  timeline.run(4_999);
  assert.deepEqual(log, []);
  timeline.run(1);
  answer(sent[0]?.transaction as Buffer);
  assert.deepEqual(log, ['timeout']);
});

test('an error ends a query as refused, but only from the address that we asked', () => {
  const { log, sent, ask, transactions } = world();
  ask();
  const error = { kind: 'error', transaction: sent[0]?.transaction as Buffer, error: { code: 203, text: '' } } as const;
  transactions.gotError(error, { host: '192.0.2.2', port: 6881 });
  assert.deepEqual(log, []);
  transactions.gotError(error, TO);
  assert.deepEqual(log, ['refused']);
});

test('when packets to an address do not arrive, all queries to it fail and no others', () => {
  const { log, ask, transactions } = world();
  ask();
  ask();
  ask({ host: '192.0.2.1', port: 1 });
  transactions.sendFailed(TO);
  assert.deepEqual(log, ['unreachable', 'unreachable']);
});

test('queries beyond the allowance wait, and leave one by one', () => {
  const { sent, ask, timeline } = world({ queriesPerSecond: 10, queryBurst: 3 });
  for (let number = 0; number < 8; number += 1) ask();
  assert.equal(sent.length, 3);
  timeline.run(500);
  assert.deepEqual(
    sent.map(({ at }) => at),
    [0, 0, 0, 100, 200, 300, 400, 500],
  );
});

test('a read-only node says so in every query', () => {
  const { sent, ask } = world({ readOnly: true });
  ask();
  assert.equal(sent[0]?.readOnly, true);
});

test('after `stop` no callback is called, no query leaves and no task waits', () => {
  const { log, sent, ask, transactions, timeline } = world({ queryBurst: 1 });
  ask();
  ask();
  transactions.stop();
  ask();
  timeline.run(60_000);
  assert.deepEqual([log, sent.length, timeline.pending], [[], 1, 0]);
});
