import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HttpResponseReader } from '../../src/discovery/http/http-response.js';
import { seededRandom } from '../support/simulation/seeded-random.js';
import { splits } from '../support/splits.js';

const MAX_LENGTH = 64;
const MUTANTS = 4_000;

const ANSWERS = [
  'HTTP/1.1 200 OK\r\nContent-Length: 7\r\nX-A: b\r\n c\r\n\r\ncontent',
  'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a\r\ncon\r\n4\r\ntent\r\n0\r\nX: y\r\n\r\n',
  'HTTP/2 302\nLocation: /a\nSet-Cookie: a=b\nContent-Length: 3, 3\n\nabc',
  'HTTP/1.0 200 OK\r\n\r\ncontent',
];
/** Pieces of text that mean something to the reader. */
const WORDS = [
  '\r\n',
  '\n',
  '\r',
  ' ',
  ':',
  '0',
  'f',
  ',',
  '\0',
  ';',
  'HTTP/1.1 ',
  'Content-Length: 9\r\n',
  '\r\n\r\n',
];

/** Everything that the reader tells of a stream, in order, with the parts of the body put together. */
function told(parts: readonly Buffer[]): { log: string[]; length: number } {
  const log: string[] = [];
  let body = '';
  const reader = new HttpResponseReader(
    {
      gotHead: ({ status, reason, headers }) => log.push(`head ${status} ${reason} ${JSON.stringify([...headers])}`),
      gotBody: (bytes) => {
        assert.notDeepEqual(log, [], 'the head comes first');
        body += bytes.toString('latin1');
      },
      ended: () => log.push(`body ${body}`, 'ended'),
      failed: (why, message) => log.push(`failed ${why} ${message}`),
    },
    MAX_LENGTH,
  );
  for (const part of parts) reader.feed(part);
  reader.end();
  reader.feed(Buffer.from('HTTP/1.1 200 OK\r\n\r\n'));
  reader.end();
  return { log, length: body.length };
}

test('however a stream is cut, the reader tells the same of it, ends once, and passes on at most the limit', () => {
  const random = seededRandom(1);
  let read = 0;
  for (let mutant = 0; mutant < MUTANTS; mutant += 1) {
    let stream = Buffer.from(ANSWERS[mutant % ANSWERS.length] ?? '', 'latin1');
    for (let changes = random.below(4); changes > 0; changes -= 1) {
      const at = random.below(stream.length + 1);
      const word = Buffer.from(WORDS[random.below(WORDS.length)] ?? '', 'latin1');
      const put = [word, random.bytes(random.below(4)), Buffer.alloc(random.below(100), 'x')][random.below(3)] ?? word;
      stream = Buffer.concat([stream.subarray(0, at), put, stream.subarray(at + random.below(6))]);
    }
    if (random.below(50) === 0) stream = Buffer.from(random.bytes(200));
    const [whole, ...cut] = splits(stream, random, 2).map(told);
    assert.ok(whole !== undefined && whole.length <= MAX_LENGTH, JSON.stringify(stream.toString('latin1')));
    const ends = whole.log.filter((line) => line === 'ended' || line.startsWith('failed '));
    assert.equal(ends.length, 1, JSON.stringify(stream.toString('latin1')));
    assert.equal(whole.log.at(-1), ends[0]);
    for (const { log, length } of cut) {
      assert.deepEqual(log, whole.log, JSON.stringify(stream.toString('latin1')));
      assert.ok(length <= MAX_LENGTH);
    }
    if (ends[0] === 'ended') read += 1;
  }
  assert.ok(read > MUTANTS / 10 && read < MUTANTS, `${read} were read`);
});

test('however a connection with answers one behind the other is cut, each reader takes its own answer', () => {
  const random = seededRandom(2);
  const ended = ANSWERS.slice(0, 3);
  for (let turn = 0; turn < 300; turn += 1) {
    const answers = Array.from({ length: 1 + random.below(4) }, () => ended[random.below(ended.length)] as string);
    for (const parts of splits(Buffer.from(answers.join(''), 'latin1'), random, 2)) {
      const bodies: string[] = [];
      let isWhole = false;
      const makeReader = (): HttpResponseReader => {
        bodies.push('');
        isWhole = false;
        return new HttpResponseReader(
          {
            gotHead: () => undefined,
            gotBody: (bytes) => bodies.push(bodies.pop() + bytes.toString('latin1')),
            ended: () => {
              isWhole = true;
            },
            failed: (_, message) => assert.fail(message),
          },
          MAX_LENGTH,
        );
      };
      let reader = makeReader();
      for (const part of parts)
        for (let at = 0; at < part.length; ) {
          at += reader.feed(part.subarray(at));
          if (isWhole) reader = makeReader();
        }
      bodies.pop();
      assert.deepEqual(
        bodies,
        answers.map((answer) => (answer.endsWith('abc') ? 'abc' : 'content')),
      );
    }
  }
});
