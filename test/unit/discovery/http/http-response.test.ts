import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HttpResponseReader } from '../../../../src/discovery/http/http-response.js';
import { countCalls } from '../../../support/counted-steps.js';
import { seededRandom } from '../../../support/simulation/seeded-random.js';
import { splits } from '../../../support/splits.js';

const MAX_LENGTH = 100;
const random = seededRandom(7);

/** What the reader tells of an answer that comes in `parts`, before the connection ends. */
function told(parts: readonly Buffer[]): string {
  let log = '';
  const body: Buffer[] = [];
  const reader = new HttpResponseReader(
    {
      gotHead: ({ status, reason, headers }) => {
        log += `${status} ${JSON.stringify(reason)}`;
        if (headers.has('x-a')) log += ` x-a=${headers.get('x-a')?.join('|')}`;
      },
      gotBody: (bytes) => body.push(Buffer.from(bytes)),
      ended: () => {
        log += ` ${JSON.stringify(Buffer.concat(body).toString())}`;
      },
      failed: (why, message) => {
        log = `${why}: ${message}`;
      },
    },
    MAX_LENGTH,
  );
  for (const part of parts) reader.feed(part);
  reader.end();
  return log;
}

function tellsAll(answers: Readonly<Record<string, readonly [answer: string, told: string]>>): void {
  for (const [name, [answer, expected]] of Object.entries(answers)) {
    for (const parts of splits(Buffer.from(answer, 'latin1'), random)) assert.equal(told(parts), expected, name);
  }
}

const OK = 'HTTP/1.1 200 OK\r\n';
const READ = '200 "OK" "content"';
const SEVEN = 'Content-Length: 7\r\n\r\ncontent';
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`;

test('the first line is read as curl reads it, and refused when it is no status line', () => {
  const line = (first: string) => `${first}\r\n${SEVEN}`;
  tellsAll({
    plain: [line('HTTP/1.1 200 OK'), READ],
    old: [line('HTTP/1.0 200 OK'), READ],
    'version 2': [line('HTTP/2 200'), '200 "" "content"'],
    'version 2.0': [line('HTTP/2.0 200 OK'), READ],
    'no reason': [line('HTTP/1.1 200'), '200 "" "content"'],
    'an empty reason': [line('HTTP/1.1 200 '), '200 "" "content"'],
    'a reason of other bytes': [line('HTTP/1.1 200 \xd0\x9e\xd0\x9a'), '200 "\xd0\x9e\xd0\x9a" "content"'],
    'blanks amiss': [line('HTTP/1.1  200OK'), READ],
    'small letters': [line('http/1.1 200 OK'), READ],
    'an empty line before': [`\r\n\n${line('HTTP/1.1 200 OK')}`, READ],
    'interim answers': [
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX-A: 1\r\n\r\n${line('HTTP/1.1 200 OK')}`,
      READ,
    ],
    'another protocol from here on': [line('HTTP/1.1 101 Switching Protocols'), '101 "Switching Protocols" ""'],
    'no version of ours': [line('HTTP/1.2 200 OK'), 'bad: not an HTTP answer: its first line is "HTTP/1.2 200 OK"'],
    'four digits': [line('HTTP/1.1 2000 OK'), 'bad: not an HTTP answer: its first line is "HTTP/1.1 2000 OK"'],
    'no number': [line('HTTP/1.1 OK'), 'bad: not an HTTP answer: its first line is "HTTP/1.1 OK"'],
    'a body alone': ['d8:intervali60ee', 'bad: not an HTTP answer: it does not begin with HTTP/'],
    'another protocol': ['SSH-2.0-x\r\n', 'bad: not an HTTP answer: it does not begin with HTTP/'],
  });
});

test('headers are read however they are written, and refused when their meaning is in doubt', () => {
  const head = (lines: string) => `${OK}${lines}\r\n${SEVEN}`;
  tellsAll({
    'bare line feeds': ['HTTP/1.1 200 OK\nContent-Length: 7\n\ncontent', READ],
    'a blank before the colon': [`${OK}Content-Length : 7\r\n\r\ncontent`, READ],
    'a blank within the name': [head('X B: c'), READ],
    'other bytes in the name': [head('X(\xe9): c'), READ],
    'no name': [head(': c'), READ],
    'a name that objects have': [head('__proto__: c'), READ],
    'a fold': [head('X-A: b\r\n  c\r\n\td'), '200 "OK" x-a=b c d "content"'],
    'a fold of nothing': [head(' c'), READ],
    'a fold of an empty header, and empty folds': [head('X-A: \r\n b\r\n \r\n\tc'), '200 "OK" x-a=b c "content"'],
    'one header twice': [head('X-A: b\r\nx-a: c'), '200 "OK" x-a=b|c "content"'],
    'control characters': [head('X-A: b\x01\rc'), '200 "OK" x-a=b\x01\rc "content"'],
    'no colon': [head('garbage'), 'bad: not an HTTP answer: a header has no colon'],
    NUL: [head('X: \0'), 'bad: not an HTTP answer: a header has a NUL byte'],
    'no end': [`${OK}X-A: b\r\n`, 'cut: the connection was closed early'],
    nothing: ['', 'cut: the connection was closed early'],
  });
});

test('a length may come more than once, but two different lengths are refused', () => {
  const lengths = (lines: string) => `${OK}${lines}\r\n\r\ncontent`;
  const none = 'bad: not an HTTP answer: its Content-Length is no number';
  tellsAll({
    once: [lengths('Content-Length: 7'), READ],
    'more than it says': [`${OK}${SEVEN} and more`, READ],
    twice: [lengths('Content-Length: 7\r\nContent-Length: 7'), READ],
    'in a list': [lengths('Content-Length: 7, 07'), READ],
    'with more after it': [lengths('Content-Length: +7 bytes'), READ],
    never: [lengths('X-B: c'), READ],
    'of nothing': [lengths('Content-Length: 0'), '200 "OK" ""'],
    'of what has no body': [`HTTP/1.1 204 No\r\n${SEVEN}`, '204 "No" ""'],
    'with chunks': [`${OK}Content-Length: 9\r\nTransfer-Encoding: Chunked\r\n\r\n7\r\ncontent\r\n0\r\n\r\n`, READ],
    'two of them': [lengths('Content-Length: 7\r\nContent-Length: 6'), 'bad: not an HTTP answer: it has two lengths'],
    'two in a list': [lengths('Content-Length: 7, 8'), 'bad: not an HTTP answer: it has two lengths'],
    'of no value': [lengths('Content-Length:'), none],
    'below zero': [lengths('Content-Length: -7'), none],
    'of a half': [lengths('Content-Length: 70.5'), none],
    'of words': [lengths('Content-Length: seven'), none],
    'that is not kept': [lengths('Content-Length: 8'), 'cut: the connection was closed early'],
    'over the limit': [lengths('Content-Length: 101'), 'bad: the answer is longer than 100 bytes'],
    'beyond numbers': [lengths(`Content-Length: ${'9'.repeat(400)}`), 'bad: the answer is longer than 100 bytes'],
    'not told, over the limit': [`${OK}\r\n${'x'.repeat(101)}`, 'bad: the answer is longer than 100 bytes'],
    'not told, at the limit': [`${OK}\r\n${'x'.repeat(100)}`, `200 "OK" "${'x'.repeat(100)}"`],
  });
});

test('chunks are put together, whatever their lines end in, and are refused when their sizes do not fit', () => {
  tellsAll({
    one: [`${CHUNKED}7\r\ncontent\r\n0\r\n\r\n`, READ],
    'several, with extensions': [`${CHUNKED}003;a=b\r\ncon\r\n4  \r\ntent\r\n0;c\r\n\r\n`, READ],
    'bare line feeds': ['HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n7\ncontent\n0\n\n', READ],
    trailers: [`${CHUNKED}7\r\ncontent\r\n0\r\nX-A: b\r\nno colon\r\n\r\n`, READ],
    'an old version': [`HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\ncontent\r\n0\r\n\r\n`, READ],
    'told twice': [
      `${OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n7\r\ncontent\r\n0\r\n\r\n`,
      READ,
    ],
    'the plain coding': [`${OK}Transfer-Encoding: identity\r\n${SEVEN}`, READ],
    'no last chunk': [`${CHUNKED}7\r\ncontent\r\n`, 'cut: the connection was closed early'],
    'no last line': [`${CHUNKED}7\r\ncontent\r\n0\r\n`, 'cut: the connection was closed early'],
    'longer than its size': [
      `${CHUNKED}6\r\ncontent\r\n0\r\n\r\n`,
      'bad: not an HTTP answer: a chunk is longer than its size',
    ],
    'no size': [`${CHUNKED}x7\r\ncontent\r\n`, 'bad: not an HTTP answer: a chunk has no size'],
    'a size below zero': [`${CHUNKED}-7\r\ncontent\r\n`, 'bad: not an HTTP answer: a chunk has no size'],
    'over the limit together': [
      `${CHUNKED}3c\r\n${'x'.repeat(60)}\r\n29\r\n`,
      'bad: the answer is longer than 100 bytes',
    ],
    'over all limits': [`${CHUNKED}${'f'.repeat(400)}\r\n`, 'bad: the answer is longer than 100 bytes'],
    'a coding that was not asked for': [
      `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
      'bad: not an HTTP answer: its transfer coding was not asked for',
    ],
  });
});

test('an answer that has no end is refused at its limit', () => {
  const tooLong = 'bad: not an HTTP answer: a line, or all of its headers, are too long';
  const tooMany = 'bad: not an HTTP answer: it has more than 1000 lines of headers';
  const endless: Readonly<Record<string, readonly [begin: string, more: string, told: string]>> = {
    'first line': ['HTTP/1.1 200 ', 'x', tooLong],
    'empty lines': ['', '\r\n', tooMany],
    'empty lines behind an interim answer': ['HTTP/1.1 100 Continue\r\n\r\n', '\n', tooMany],
    header: [`${OK}X-A: `, 'x', tooLong],
    'long headers': [OK, `X-A: ${'x'.repeat(100)}\r\n`, tooLong],
    'short headers': [OK, 'a:\n', tooMany],
    'interim answers': ['', 'HTTP/1.1 100 Continue\r\n\r\n', tooLong],
    'size of a chunk': [CHUNKED, '0', tooLong],
    trailer: [`${CHUNKED}0\r\nX-A: `, 'x', tooLong],
    trailers: [`${CHUNKED}0\r\n`, 'a:\n', tooMany],
  };
  for (const [name, [begin, more, expected]] of Object.entries(endless)) {
    const length = 70_000;
    const stream = Buffer.from(begin + more.repeat(Math.ceil(length / more.length)));
    for (const parts of splits(stream, random, 1)) assert.equal(told(parts), expected, name);
  }
});

test('a line costs no more than its length, however many carriage returns stand in it or at its end', () => {
  const LONG = 60_000;
  const within = (length: number) => `${'\r'.repeat(length)}x\r\n`;
  const atEnd = (length: number) => `x${'\r'.repeat(length)}\r\n`;
  const rows: Readonly<Record<string, readonly [answer: (length: number) => string, length: number, told: string]>> = {
    'in a header': [(length) => `${OK}X-B: ${within(length)}${SEVEN}`, LONG, READ],
    'at the end of a header': [(length) => `${OK}X-B: ${atEnd(length)}${SEVEN}`, LONG, READ],
    'in the size of a chunk': [(length) => `${CHUNKED}7;${within(length)}content\r\n0\r\n\r\n`, 4000, READ],
    'in a trailer': [(length) => `${CHUNKED}7\r\ncontent\r\n0\r\nX: ${within(length)}\r\n`, LONG, READ],
    'behind a chunk': [(length) => `${CHUNKED}7\r\ncontent${atEnd(length).slice(1)}0\r\n\r\n`, 4000, READ],
  };
  const looked = (answer: string): number =>
    countCalls(String.prototype, ['charCodeAt'], () => assert.equal(told([Buffer.from(answer, 'latin1')]), READ));
  for (const [name, [answer, length, expected]] of Object.entries(rows)) {
    const stream = answer(length);
    assert.equal(told([Buffer.from(stream, 'latin1')]), expected, name);
    assert.ok(looked(stream) < stream.length, name);
    // A regular expression takes its steps where nobody counts them.
    const reader = () => told([Buffer.from(stream, 'latin1')]);
    assert.equal(countCalls(String.prototype, ['replace', 'match'], reader), 0, name);
  }
});

test('a connection is kept when the answer says where it ends, and the server does not close it', () => {
  const length = 'Content-Length: 7\r\n\r\ncontent';
  const rows: Readonly<Record<string, readonly [answer: string, isKept: boolean]>> = {
    'version 1.1': [OK + length, true],
    'version 1.1, chunks': [`${CHUNKED}7\r\ncontent\r\n0\r\n\r\n`, true],
    'no body': [`${OK}Content-Length: 0\r\n\r\n`, true],
    'version 1.1, closed': [`${OK}Connection: Close\r\n${length}`, false],
    'closed, in a list': [`${OK}Connection: x, close\r\n${length}`, false],
    'version 1.0': [`HTTP/1.0 200 OK\r\n${length}`, false],
    'version 1.0, kept': [`HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n${length}`, true],
    'another version': [`HTTP/2 200 OK\r\n${length}`, false],
    'an interim answer of another version': [`HTTP/1.0 100 x\r\n\r\n${OK}${length}`, true],
    'another protocol': ['HTTP/1.1 101 x\r\n\r\n', false],
    'no length': [`${OK}\r\ncontent`, false],
  };
  for (const [name, [answer, isKept]] of Object.entries(rows)) {
    const more = 'HTTP/1.1 404 x\r\n\r\n';
    for (const parts of splits(Buffer.from(isKept ? answer + more : answer), random)) {
      const silent = { gotHead: () => undefined, gotBody: () => undefined, ended: () => undefined };
      const reader = new HttpResponseReader({ ...silent, failed: assert.fail }, MAX_LENGTH);
      const taken = parts.reduce((sum, part) => sum + reader.feed(part), 0);
      reader.end();
      assert.equal(reader.keepsConnection, isKept, name);
      assert.equal(taken, answer.length, `${name}: what is behind the end belongs to another answer`);
    }
  }
});
