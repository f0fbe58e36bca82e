import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Framer, type NextFunc, type Step } from '../../../src/wire/framer.js';
import { seededRandom } from '../../support/simulation/seeded-random.js';
import { splits } from '../../support/splits.js';

/** Feeds the parts as a socket would: each in a buffer that is overwritten afterwards. */
function feed(framer: Framer, parts: readonly Buffer[]): void {
  for (const part of parts) {
    const chunk = Buffer.from(part);
    framer.dataCameIn(chunk);
    chunk.fill(0xdb);
  }
}

/** Reads a length of one byte, then as many bytes, over and over. A length of 255 is refused, 254 stops. */
function prefixed(log: string[]): Framer {
  const readLength: NextFunc = (frame) => {
    const nextLen = frame[0] as number;
    if (nextLen === 255) return { kind: 'refuse', reason: { code: 'message-too-long', length: nextLen } };
    if (nextLen === 254) framer.stop();
    return { kind: 'read', nextLen, nextFunc: readBody };
  };
  const readBody: NextFunc = (frame) => {
    log.push(`frame ${frame.toString('latin1')}`);
    return { kind: 'read', nextLen: 1, nextFunc: readLength };
  };
  const framer = new Framer(1, readLength, (reason) => log.push(`refused ${reason.code}`));
  return framer;
}

function prefix(...bodies: string[]): Buffer {
  return Buffer.concat(bodies.map((body) => Buffer.concat([Buffer.from([body.length]), Buffer.from(body, 'latin1')])));
}

/** The log is the same however the stream is cut. */
function assertLog(stream: Buffer, expected: readonly string[]): void {
  for (const parts of splits(stream, seededRandom(1), 20)) {
    const log: string[] = [];
    feed(prefixed(log), parts);
    assert.deepEqual(log, expected);
  }
}

describe('Framer', () => {
  it('cuts a stream into the frames that are asked for', () => {
    assertLog(prefix('a', 'two', 'x'.repeat(200)), ['frame a', 'frame two', `frame ${'x'.repeat(200)}`]);
  });

  it('delivers frames of no length at once, also at the end of a chunk', () => {
    assertLog(prefix('', '', 'a', ''), ['frame ', 'frame ', 'frame a', 'frame ']);
  });

  it('delivers a first frame of no length with the first bytes', () => {
    const log: string[] = [];
    const read: NextFunc = (frame) => {
      log.push(`${frame.length}`);
      return { kind: 'read', nextLen: log.length === 1 ? 2 : 1, nextFunc: read };
    };
    new Framer(0, read, () => assert.fail('refused')).dataCameIn(Buffer.from('abc'));
    assert.deepEqual(log, ['0', '2', '1']);
  });

  it('delivers nothing after a refusal, and reports the refusal once', () => {
    assertLog(Buffer.concat([prefix('a'), Buffer.from([255]), prefix('b', 'c')]), [
      'frame a',
      'refused message-too-long',
    ]);
  });

  it('delivers nothing after it was stopped within a frame', () => {
    assertLog(Buffer.concat([prefix('a'), Buffer.from([254]), prefix('b', 'c')]), ['frame a']);
  });

  it('leaves what follows a pause to its caller, and loses nothing of it', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 20 }), { maxLength: 20 }), fc.integer(), (bodies, seed) => {
        const stream = prefix(...bodies.map((body) => body.replace(/[^a-z]/g, 'x')));
        const expected: string[] = [];
        feed(prefixed(expected), [stream]);
        for (const parts of splits(stream, seededRandom(seed))) {
          const log: string[] = [];
          const read: NextFunc = (frame) => ({ kind: 'read', nextLen: frame[0] as number, nextFunc: readBody });
          const readBody: NextFunc = (frame) => {
            log.push(`frame ${frame.toString('latin1')}`);
            framer.pause();
            return { kind: 'read', nextLen: 1, nextFunc: read };
          };
          const framer = new Framer(1, read, () => assert.fail('refused'));
          for (const part of parts) {
            for (let rest = part; rest.length > 0; ) {
              const before = log.length;
              rest = rest.subarray(framer.dataCameIn(rest));
              assert.ok(log.length - before <= 1, 'a frame behind the pause');
            }
          }
          assert.deepEqual(log, expected);
        }
      }),
    );
  });

  it('does not report a refusal after it was stopped', () => {
    const framer: Framer = new Framer(
      1,
      () => {
        framer.stop();
        return { kind: 'refuse', reason: { code: 'not-bittorrent' } };
      },
      () => assert.fail('told of a refusal'),
    );
    framer.dataCameIn(Buffer.from('ab'));
    framer.dataCameIn(Buffer.from('c'));
  });

  it('forgets the beginning of a frame when it is stopped from outside', () => {
    const log: string[] = [];
    const framer = prefixed(log);
    framer.dataCameIn(Buffer.from([3, 0x61]));
    framer.stop();
    for (const rest of ['b', 'cd', 'efgh']) framer.dataCameIn(Buffer.from(rest));
    assert.deepEqual(log, []);
  });

  it('shows a frame that lies in one chunk without copying it', () => {
    const chunk = Buffer.from('abcdef');
    const memory: boolean[] = [];
    const read = (frame: Buffer): Step => {
      memory.push(frame.buffer === chunk.buffer);
      return { kind: 'read', nextLen: 2, nextFunc: read };
    };
    const framer = new Framer(2, read, () => assert.fail('refused'));
    framer.dataCameIn(chunk.subarray(0, 5));
    framer.dataCameIn(chunk.subarray(5));
    assert.deepEqual(memory, [true, true, false]);
  });

  it('takes an empty chunk at any place', () => {
    const log: string[] = [];
    const framer = prefixed(log);
    for (const part of ['', '\x02', '', 'a', '', 'b', '']) framer.dataCameIn(Buffer.from(part, 'latin1'));
    assert.deepEqual(log, ['frame ab']);
  });

  it('works after an exception in a reader: the rest of that chunk is lost, and nothing is delivered twice', () => {
    const log: string[] = [];
    let isBroken = true;
    const read = (frame: Buffer): Step => {
      if (isBroken) throw new Error('a bug');
      log.push(frame.toString());
      return { kind: 'read', nextLen: 2, nextFunc: read };
    };
    const framer = new Framer(2, read, () => assert.fail('refused'));
    framer.dataCameIn(Buffer.from('a'));
    assert.throws(() => framer.dataCameIn(Buffer.from('b')), /a bug/);
    isBroken = false;
    framer.dataCameIn(Buffer.from('cd'));
    assert.deepEqual(log, ['cd']);
  });

  it('gathers a long frame from many chunks', () => {
    const long = seededRandom(1).bytes(300_000);
    for (const size of [1000, 16_384, 40_000, 299_999]) {
      const frames: Buffer[] = [];
      const read = (frame: Buffer): Step => {
        frames.push(Buffer.from(frame));
        return { kind: 'read', nextLen: long.length, nextFunc: read };
      };
      const framer = new Framer(long.length, read, () => assert.fail('refused'));
      const parts: Buffer[] = [];
      for (let begin = 0; begin < long.length; begin += size) parts.push(long.subarray(begin, begin + size));
      feed(framer, [...parts, ...parts]);
      assert.equal(frames.length, 2);
      assert.ok(frames.every((frame) => frame.equals(long)));
    }
  });

  it('gathers a block in the buffer of the block before it, but never in that of a frame that is being read', () => {
    const block = seededRandom(2).bytes(16_393);
    const seen: ArrayBufferLike[] = [];
    const other = new Framer(
      block.length,
      (frame) => {
        assert.ok(frame.equals(block));
        seen.push(frame.buffer);
        return { kind: 'read', nextLen: 4, nextFunc: () => assert.fail('a frame') };
      },
      () => assert.fail('refused'),
    );
    const read = (frame: Buffer): Step => {
      seen.push(frame.buffer);
      if (seen.length === 2) feed(other, [block.subarray(0, 9), block.subarray(9)]);
      assert.ok(frame.equals(block));
      return { kind: 'read', nextLen: block.length, nextFunc: read };
    };
    const framer = new Framer(block.length, read, () => assert.fail('refused'));
    for (let count = 0; count < 3; count += 1) feed(framer, [block.subarray(0, 5000), block.subarray(5000)]);
    const [first, second, third, fourth] = seen;
    assert.equal(second, first);
    assert.notEqual(third, second);
    assert.equal(fourth, second);
  });

  it('takes little memory for a peer that announces much and sends little', () => {
    const read = (): Step => assert.fail('a frame');
    const before = process.memoryUsage().arrayBuffers;
    const framers = Array.from({ length: 200 }, () => new Framer(1 << 20, read, () => assert.fail('refused')));
    for (const framer of framers) feed(framer, [Buffer.from('x')]);
    assert.ok(process.memoryUsage().arrayBuffers - before < 200 * 40_000);
    assert.equal(framers.length, 200);
  });

  it('gives the same frames for every way of cutting any stream', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 30 })), fc.array(fc.nat(12)), (bodies, cuts) => {
        const texts = bodies.map((body) => Buffer.from(body).toString('latin1'));
        const stream = prefix(...texts);
        const parts: Buffer[] = [];
        let begin = 0;
        for (const cut of cuts) {
          parts.push(stream.subarray(begin, begin + cut));
          begin = Math.min(stream.length, begin + cut);
        }
        parts.push(stream.subarray(begin));
        const log: string[] = [];
        feed(prefixed(log), parts);
        assert.deepEqual(
          log,
          texts.map((text) => `frame ${text}`),
        );
      }),
    );
  });
});
