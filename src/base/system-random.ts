import { randomBytes, randomInt } from 'node:crypto';
import type { Random } from './random.js';

/** Chance from the operating system. */
export const systemRandom: Random = {
  below: (bound) => (bound === 1 ? 0 : randomInt(bound)),
  bytes: (length) => randomBytes(length),
};
