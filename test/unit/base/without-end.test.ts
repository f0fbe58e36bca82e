import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { withoutEnd } from '../../../src/base/without-end.js';
import { countCalls } from '../../support/counted-steps.js';

const SRC = fileURLToPath(new URL('../../../../src/', import.meta.url));

test('of a text the run of a character at its end is taken away, and no other', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('&', 'a', '\n') }), (text) => {
      assert.equal(withoutEnd(text, '&'), text.replace(/&+$/, ''));
    }),
  );
});

test('each character of the run at the end is looked at once, and no run before it', () => {
  const stepsFor = (text: string): number =>
    countCalls(String.prototype, ['charCodeAt', 'replace', 'at', 'charAt'], () => withoutEnd(text, '&'));
  const run = '&'.repeat(50_000);
  assert.equal(stepsFor(`${run}x`) - stepsFor('x'), 0);
  assert.equal(stepsFor(`x${run}`) - stepsFor('x'), run.length);
});

test('no regular expression looks for a run at the end of a text from each place where the run could begin', () => {
  // One atom that repeats, at the very begin of the expression, and the end of the text at its end.
  const literal = /(?<=[(=,:?!&|]\s*)\/(?:\\.|\[(?:\\.|[^\]\n])*\]|[^\\/[(^\s*])[*+](?:\\.|[^\\/\n])*\$\/[a-z]*/g;
  for (const each of ['/&+$/', String.raw`/\r*\n$/`, String.raw`/[\s/]+$/u`, String.raw`/\/+$/`])
    assert.deepEqual(`text.replace(${each}, '')`.match(literal), [each]);
  const found = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && file !== join('base', 'without-end.ts'))
    .flatMap((file) => (readFileSync(join(SRC, file), 'utf8').match(literal) ?? []).map((each) => `${file} ${each}`));
  assert.deepEqual(found, []);
});
