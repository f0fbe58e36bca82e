import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FirstCopies } from '../../../../src/swarm/upload/first-copies.js';
import { countCalls } from '../../../support/counted-steps.js';
import { layoutOf } from '../../../support/pieces.js';

const layout = layoutOf(3, 100);
const [zero, one] = [layout.pieceIndex(0)!, layout.pieceIndex(1)!];
const [a, b] = [{}, {}];

/** The peers for which the two pieces would be first copies. */
function firsts(copies: FirstCopies): string {
  return [zero, one].map((piece) => [a, b].map((to) => (copies.isFirst(piece, to) ? 'y' : 'n')).join('')).join(' ');
}

describe('first copies', () => {
  it('belong to the peer that gets a piece first, and to none once the whole piece has gone', () => {
    const copies = new FirstCopies(layout);
    const log = [firsts(copies)];
    copies.goes(zero, a, 60);
    log.push(firsts(copies));
    copies.goes(zero, b, 60);
    log.push(firsts(copies));
    copies.goes(zero, a, 40);
    log.push(firsts(copies));
    copies.leave(a);
    log.push(firsts(copies));
    assert.deepEqual(log, ['yy yy', 'yn yy', 'yn yy', 'nn yy', 'nn yy']);
  });

  it('are free for others when the peer that began one gets no more', () => {
    const copies = new FirstCopies(layout);
    copies.goes(zero, a, 99);
    copies.goes(one, b, 1);
    copies.leave(a);
    assert.equal(firsts(copies), 'yy ny');
    copies.goes(zero, b, 99);
    assert.equal(firsts(copies), 'ny ny');
  });

  it('cost a peer that leaves nothing for all that others have begun', () => {
    const count = 10_000;
    const many = layoutOf(count, 100);
    const copies = new FirstCopies(many);
    for (const piece of many.pieceIndices()) copies.goes(piece, a, 1);
    copies.goes(zero, b, 1);
    const steps = countCalls(Object.getPrototypeOf(new Map().entries()), ['next'], () => {
      for (let visit = 0; visit < 10; visit += 1) copies.leave(b);
    });
    assert.ok(steps < 100, `${steps} steps`);
    copies.leave(a);
    assert.ok([...many.pieceIndices()].every((piece) => copies.isFirst(piece, b)));
  });
});
