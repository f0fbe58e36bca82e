import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ParoleWatch } from '../../../../src/swarm/download/parole-watch.js';
import { sampleTorrent } from '../../../support/sample-torrent.js';

const PIECE = sampleTorrent([{ path: 'file', length: 100 }], 100).piece(0);
const SECOND = 1_000;

type Peer = { readonly name: string };
const [honest, other, liar]: readonly [Peer, Peer, Peer] = [{ name: 'honest' }, { name: 'other' }, { name: 'liar' }];

/** Who asks each five seconds for a piece of 1,000 blocks that `holder` sends at a rate; when it takes the piece, or null. */
function takesAfter(
  watch: ParoleWatch<Peer>,
  asker: Peer,
  holder: Peer,
  rate: (second: number) => number,
  from = 0,
): number | null {
  let left = 1_000;
  for (let second = 0; left > 0 && second < 3_600; second += 5) {
    if (watch.takes(asker, { piece: PIECE, holder, left: Math.ceil(left) }, false, (from + second) * SECOND))
      return second;
    for (let each = second; each < second + 5; each += 1) left -= rate(each);
  }
  return null;
}

describe('a piece on parole', () => {
  it('goes at once to a better peer', () => {
    const watch = new ParoleWatch<Peer>();
    assert.equal(watch.takes(honest, { piece: PIECE, holder: liar, left: 5 }, true, 0), true);
    assert.equal(watch.isWatching, false);
  });

  it('stays with a holder that will have it soon', () => {
    assert.equal(
      takesAfter(new ParoleWatch(), other, honest, () => 4),
      null,
    );
  });

  it('goes to any other after half a minute when its holder is very slow', () => {
    for (const rate of [() => 0, () => 0.02, () => 2]) {
      const watch = new ParoleWatch<Peer>();
      assert.equal(takesAfter(watch, honest, liar, rate), 30);
    }
  });

  it('goes to another when its holder has become slow, however fast it was', () => {
    const after = takesAfter(new ParoleWatch(), honest, liar, (second) => (second < 50 ? 16 : 0.02));
    assert.ok(after !== null && after >= 60 && after <= 120, `${after}`);
  });

  it('comes back to who has lost it for that only from one that is slow too, and later each time', () => {
    const watch = new ParoleWatch<Peer>();
    const silent = (): number => 0;
    assert.equal(takesAfter(watch, honest, liar, silent), 30);
    assert.equal(watch.takes(liar, { piece: PIECE, holder: honest, left: 900 }, true, 100 * SECOND), false);
    assert.equal(
      takesAfter(watch, liar, honest, () => 10, 200),
      null,
    );
    assert.equal(takesAfter(watch, liar, honest, silent, 400), 60);
    assert.equal(takesAfter(watch, honest, liar, silent, 600), 60);
    assert.equal(takesAfter(watch, liar, honest, silent, 800), 120);
  });

  it('is forgotten when it is right', () => {
    const watch = new ParoleWatch<Peer>();
    assert.equal(
      takesAfter(watch, honest, liar, () => 0),
      30,
    );
    watch.takes(other, { piece: PIECE, holder: honest, left: 3 }, false, 90 * SECOND);
    assert.equal(watch.isWatching, true);
    watch.pieceVerified(PIECE);
    assert.equal(watch.isWatching, false);
    assert.equal(watch.takes(liar, { piece: PIECE, holder: honest, left: 3 }, true, 91 * SECOND), true);
  });
});
