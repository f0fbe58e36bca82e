import type { HashRange } from '../../../src/wire/hash-message.js';
import type { FakeScript, FakeTalk } from './fake-talk.js';
import type { HashTrees } from './hash-trees.js';

/** A request for hashes to a liar, and the right answer. */
interface Asked {
  readonly talk: FakeTalk;
  readonly range: HashRange;
  readonly trees: HashTrees;
}

function sayHashes({ talk, range, trees }: Asked, change: (hashes: Buffer) => Buffer): void {
  const answer = trees.answer(range);
  talk.sayMessages(answer.type === 'hashes' ? { ...answer, hashes: change(Buffer.from(answer.hashes)) } : answer);
}

function flip(bytes: Buffer, at: number): Buffer {
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return bytes;
}

const LIES = {
  'rejects every request for hashes': ({ talk, range }) => talk.sayMessages({ type: 'hashReject', range }),
  'answers no request for hashes': () => undefined,
  'sends a wrong hash': (asked) => sayHashes(asked, (hashes) => flip(hashes, 0)),
  'sends a wrong uncle': (asked) => sayHashes(asked, (hashes) => flip(hashes, hashes.length - 1)),
  'sends hashes in another order': (asked) =>
    sayHashes(asked, (hashes) => Buffer.concat([hashes.subarray(32, 64), hashes.subarray(0, 32), hashes.subarray(64)])),
  'hangs up when it is asked for hashes': ({ talk }) => talk.hangUp(),
} satisfies Record<string, (asked: Asked) => void>;

export type LayerLiarKind = keyof typeof LIES;
export const LAYER_LIAR_KINDS = Object.keys(LIES) as readonly LayerLiarKind[];

/** Adds to the script of a peer how it answers requests for hashes: as it lies, or honestly when `kind` is null. */
export function withHashes(script: FakeScript, kind: LayerLiarKind | null, trees: HashTrees): FakeScript {
  return {
    ...script,
    gotMessage: (talk, message) => {
      script.gotMessage?.(talk, message);
      if (message.type !== 'hashRequest') return;
      const range = { ...message.range, root: Buffer.from(message.range.root) };
      if (kind === null) talk.sayMessages(trees.answer(range));
      else LIES[kind]({ talk, range, trees });
    },
  };
}
