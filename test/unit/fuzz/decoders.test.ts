import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { BtgetError } from '../../../src/base/failure.js';
import { FUZZED_DECODERS, type FuzzedDecoder, NOT_FUZZED } from '../../fuzz/decoders.js';
import { fuzz, TOO_SLOW } from '../../fuzz/fuzz.js';

const SRC = fileURLToPath(new URL('../../../../src/', import.meta.url));
const DECODER =
  /^export (?:async )?(?:function ((?:decode|parse|read|scan|restore|recognise)\w*)|class (\w*(?:Reader|Parser|Decoder)))\b/gm;

function decodersInSource(): readonly string[] {
  return readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) =>
      [...readFileSync(join(SRC, file), 'utf8').matchAll(DECODER)].map(([, name, type]) => `${file} ${name ?? type}`),
    );
}

test('every decoder in the source is fuzzed, or it is said why it need not be', () => {
  const fuzzed = FUZZED_DECODERS.map(({ file, name }) => `${file} ${name}`);
  const known = new Set([...fuzzed, ...Object.keys(NOT_FUZZED)]);
  const found = decodersInSource();
  assert.deepEqual(
    found.filter((decoder) => !known.has(decoder)),
    [],
  );
  assert.deepEqual(
    Object.keys(NOT_FUZZED).filter((decoder) => !found.includes(decoder)),
    [],
  );
});

test('each decoder takes one of its seeds at least: damage begins at something good', () => {
  for (const decoder of FUZZED_DECODERS)
    assert.ok(
      decoder.seeds().some((seed) => takes(decoder, decoder.prepare?.(seed) ?? seed)),
      `${decoder.file} ${decoder.name}`,
    );
});

test('a hundred damaged inputs of each decoder break no rule', () => {
  for (const decoder of FUZZED_DECODERS) {
    const findings = fuzz(decoder, 100, 1).findings.filter(({ what }) => what !== TOO_SLOW);
    assert.deepEqual(
      findings.map(({ what, input }) => `${what}: ${input.toString('hex', 0, 200)}`),
      [],
      `${decoder.file} ${decoder.name}`,
    );
  }
});

test('what breaks a rule is found', () => {
  const seeds = () => [Buffer.from('seed')];
  const broken = { file: 'x.ts', name: 'broken', seeds };
  const whats = (decode: (bytes: Buffer) => unknown) =>
    fuzz({ ...broken, decode }, 3, 1).findings.map(({ what }) => what);
  const throwing = (): never => {
    throw new RangeError('out of range');
  };
  assert.deepEqual(whats(throwing), ['throws RangeError']);
  assert.deepEqual(
    whats((bytes) => Buffer.alloc(2_000_000 + bytes.length)),
    ['costs too much memory'],
  );
});

/** Whether `decoder` makes something of `seed`: refusals are null, undefined, false, a failure, or a BtgetError. */
function takes(decoder: FuzzedDecoder, seed: Buffer): boolean {
  try {
    const value = decoder.decode(seed);
    const outcome = value as { readonly ok?: boolean; readonly kind?: string } | null | undefined | false | string;
    if (outcome === null || outcome === undefined || outcome === false) return false;
    return (
      typeof outcome !== 'object' ||
      (outcome.ok !== false && outcome.kind !== 'rubbish' && outcome.kind !== 'bad-query')
    );
  } catch (error) {
    if (error instanceof BtgetError) return false;
    throw error;
  }
}
