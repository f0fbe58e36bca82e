import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { askedRange } from '../../../../src/cli/serve/asked-range.js';

function said(header: string | undefined, length: number): string {
  const asked = askedRange(header, length);
  return asked.kind === 'part' ? `${asked.run.begin} to ${asked.run.end}` : asked.kind;
}

describe('the range that is asked for', () => {
  it('is one part of the file', () => {
    assert.equal(said('bytes=0-0', 100), '0 to 1');
    assert.equal(said('bytes=10-19', 100), '10 to 20');
    assert.equal(said('bytes=10-', 100), '10 to 100');
    assert.equal(said('bytes=-10', 100), '90 to 100');
    assert.equal(said('bytes=90-500', 100), '90 to 100');
    assert.equal(said('Bytes = 5-6', 100), '5 to 7');
  });

  it('is the whole file when more than that is asked for from its end', () => {
    assert.equal(said('bytes=-100', 100), '0 to 100');
    assert.equal(said('bytes=-99999999999999999999', 100), '0 to 100');
  });

  it('is not there behind the end', () => {
    for (const header of ['bytes=100-', 'bytes=100-200', 'bytes=-0', 'bytes=7-3'])
      assert.equal(said(header, 100), 'unsatisfiable');
    assert.equal(said('bytes=0-', 0), 'unsatisfiable');
  });

  it('is the whole file when none is asked for, several are, or we do not know what is', () => {
    for (const header of [undefined, '', 'bytes', 'bytes=', 'bytes=a-b', 'lines=1-2', 'bytes=0-1,5-6', 'bytes=1'])
      assert.equal(said(header, 100), 'whole', header);
    assert.equal(said(`bytes=${'0-1,'.repeat(100)}5-6`, 100), 'whole');
  });

  it('never leaves the file, whatever the header says', () => {
    const header = fc.oneof(
      fc.string(),
      fc.string({ unit: fc.constantFrom(...'bytes=-, 0129') }).map((text) => `bytes=${text}`),
    );
    fc.assert(
      fc.property(header, fc.nat(1000), (text, length) => {
        const asked = askedRange(text, length);
        if (asked.kind !== 'part') return;
        assert.ok(0 <= asked.run.begin && asked.run.begin < asked.run.end && asked.run.end <= length);
      }),
    );
  });
});
