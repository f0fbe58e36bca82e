import type { Timers } from '../../../src/base/clock.js';
import { encodeHashMessage, type HashMessage, type HashRange, uncleCount } from '../../../src/wire/hash-message.js';
import type { FakeScript, FakeTalk } from './fake-talk.js';
import type { HashTrees } from './hash-trees.js';

/** What a liar knows. */
export interface HashLiarParts {
  readonly timers: Timers;
  readonly trees: Pick<HashTrees, 'answer'>;
}

interface Asked extends HashLiarParts {
  readonly talk: FakeTalk;
  readonly range: HashRange;
  /** The right answer. */
  readonly right: Extract<HashMessage, { type: 'hashes' | 'hashReject' }>;
}

function later(asked: Asked, delay: number, message: HashMessage): void {
  asked.timers.addTask(() => {
    if (!asked.talk.lost) asked.talk.say(encodeHashMessage(message));
  }, delay);
}

/** The right answer with one bit of one hash wrong; `fromEnd`: which hash, counted from the last. */
function forged({ range, right }: Asked, fromEnd: number): HashMessage {
  const hashes =
    right.type === 'hashes' ? Buffer.from(right.hashes) : Buffer.alloc(32 * (range.length + uncleCount(range)));
  const at = hashes.length - 32 * fromEnd - 1;
  hashes[at] = (hashes[at] as number) ^ 1;
  return { type: 'hashes', range, hashes };
}

const LIES = {
  'answers nothing': () => undefined,
  'rejects everything': (asked) => later(asked, 0, { type: 'hashReject', range: asked.range }),
  'rejects everything after 2.9 s': (asked) => later(asked, 2_900, { type: 'hashReject', range: asked.range }),
  'answers right after 2.9 s': (asked) => later(asked, 2_900, asked.right),
  'answers right after 20 s': (asked) => later(asked, 20_000, asked.right),
  'forges the first hash': (asked) => later(asked, 0, forged(asked, asked.range.length + uncleCount(asked.range) - 1)),
  'forges the last hash': (asked) => later(asked, 0, forged(asked, 0)),
  'forges the last hash after 2.9 s': (asked) => later(asked, 2_900, forged(asked, 0)),
  'sends zeros': (asked) => {
    const hashes = Buffer.alloc(32 * (asked.range.length + uncleCount(asked.range)));
    later(asked, 0, { type: 'hashes', range: asked.range, hashes });
  },
  'sends another range': (asked) => {
    const range = { ...asked.range, index: asked.range.index + asked.range.length };
    later(asked, 0, { ...asked.right, range });
  },
  'sends fewer hashes than it says': (asked) => {
    if (asked.right.type !== 'hashes') return;
    later(asked, 0, { ...asked.right, hashes: asked.right.hashes.subarray(32) });
  },
  'answers twice': (asked) => {
    later(asked, 0, asked.right);
    later(asked, 10, asked.right);
  },
  'sends hashes in another order': (asked) => {
    const { right } = asked;
    if (right.type !== 'hashes') return;
    const [first, second, others] = [
      right.hashes.subarray(0, 32),
      right.hashes.subarray(32, 64),
      right.hashes.subarray(64),
    ];
    later(asked, 0, { ...right, hashes: Buffer.concat([second, first, others]) });
  },
  'leaves when it is asked': ({ talk }) => talk.hangUp(),
} satisfies Record<string, (asked: Asked) => void>;

export type HashLiarKind = keyof typeof LIES;
export const HASH_LIAR_KINDS = Object.keys(LIES) as readonly HashLiarKind[];

/** Whether such a liar sends hashes that are not right, which proves its lie. */
export function isForger(kind: HashLiarKind | null): boolean {
  return kind !== null && /forges|zeros|another/.test(kind);
}

/** Adds to the script of a peer how it answers hash requests: with a lie, or truly when `kind` is null. */
export function withHashes(script: FakeScript, kind: HashLiarKind | null, parts: HashLiarParts): FakeScript {
  const lie: (asked: Asked) => void = kind === null ? (asked) => later(asked, 0, asked.right) : LIES[kind];
  return {
    ...script,
    gotMessage: (talk, message) => {
      script.gotMessage?.(talk, message);
      if (message.type !== 'hashRequest') return;
      const range = { ...message.range, root: Buffer.from(message.range.root) };
      lie({ ...parts, talk, range, right: parts.trees.answer(range) });
    },
  };
}

/** A peer that does nothing but answer hash requests. */
export function hashScript(kind: HashLiarKind | null, parts: HashLiarParts): FakeScript {
  return withHashes({ gotHandshake: (talk) => talk.sayHandshake() }, kind, parts);
}
