/**
 * Feeds one decoder with damaged inputs, and says of each that is against the rules: nothing but a BtgetError may be
 * thrown, and that only where the decoder says so; no input may take a second; none may cost more memory than
 * 16 × its length + 1 MiB, or the decoder's own factor in the place of 16.
 */
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { BtgetError } from '../../src/base/failure.js';
import { seededRandom } from '../support/simulation/seeded-random.js';
import type { FuzzedDecoder } from './decoders.js';
import { Mutator } from './mutator.js';

export const TOO_SLOW = 'takes more than a second';
const MAX_TIME = 1_000;
const MEMORY_FACTOR = 16;
const MEMORY_ROOM = 1 << 20;
/** Inputs from this length on are counted on a clean heap: they are what a dear decoder is dear for. */
const LONG = 8 * 1024;
/** A busy machine, or a collection, can make any input look slow once. */
const TRIES = 3;

export interface Finding {
  readonly decoder: string;
  readonly what: string;
  readonly input: Buffer;
}

export interface FuzzOutcome {
  readonly inputs: number;
  /** At most one of each kind. */
  readonly findings: readonly Finding[];
  /** Milliseconds of the slowest input. */
  readonly slowest: number;
  /** Most bytes that one input cost beyond what its length allows. */
  readonly dearest: number;
}

export function fuzz(decoder: FuzzedDecoder, inputs: number, seed: number): FuzzOutcome {
  const mutator = new Mutator(seededRandom(seed), decoder.seeds());
  const findings = new Map<string, Finding>();
  const found = (what: string, input: Buffer): void => {
    if (!findings.has(what)) findings.set(what, { decoder: `${decoder.file} ${decoder.name}`, what, input });
  };
  const factor = decoder.memoryFactor ?? MEMORY_FACTOR;
  const isTooMuch = (memory: number, input: Buffer): boolean => memory > factor * input.length + MEMORY_ROOM;
  let slowest = 0;
  let dearest = 0;
  for (let count = 0; count < inputs; count += 1) {
    const damaged = mutator.next().subarray(0, decoder.maxLength);
    const input = decoder.prepare?.(damaged) ?? damaged;
    if (input.length > LONG) collect();
    let { time, memory, wrong } = tryOne(decoder, input);
    for (let tries = 1; tries < TRIES && time > MAX_TIME; tries += 1)
      time = Math.min(time, tryOne(decoder, input).time);
    // Less than before: a collection ran meanwhile, and hid what the input costs.
    for (let tries = 1; tries < TRIES && (memory < 0 || isTooMuch(memory, input)); tries += 1) {
      collect();
      memory = tryOne(decoder, input).memory;
    }
    if (wrong !== null) found(wrong, input);
    if (time > MAX_TIME) found(TOO_SLOW, input);
    if (isTooMuch(memory, input)) found('costs too much memory', input);
    slowest = Math.max(slowest, time);
    dearest = Math.max(dearest, memory - factor * input.length);
  }
  return { inputs, findings: [...findings.values()], slowest, dearest };
}

function tryOne({ decode, throwsBtgetError }: FuzzedDecoder, input: Buffer) {
  const before = usedMemory();
  const began = performance.now();
  let wrong: string | null = null;
  // It stays until the memory is counted.
  let value: unknown;
  try {
    value = decode(input);
  } catch (error) {
    if (!(error instanceof BtgetError)) wrong = `throws ${error instanceof Error ? error.name : typeof error}`;
    else if (throwsBtgetError !== true) wrong = 'throws a BtgetError';
  }
  const time = performance.now() - began;
  return { time, memory: usedMemory() - before, wrong, value };
}

function usedMemory(): number {
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
}

const collectOnce = (() => {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
})();

/** Twice: buffers that the first collection frees are counted as free when the second begins. */
function collect(): void {
  collectOnce();
  collectOnce();
}
