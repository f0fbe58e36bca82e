import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Side } from '../../../src/swarm/connections/peer-connection.js';
import { leastUseful, type UsefulPeer } from '../../../src/swarm/least-useful.js';

const NOW = 1_000_000;
const PATIENCE = 60_000;
const NEVER = Number.NEGATIVE_INFINITY;

interface Row {
  readonly name: string;
  readonly madeAt: number;
  readonly lastBlockAt?: number;
  readonly lastSentAt?: number;
  readonly turnBeganAt?: number;
  readonly awaitsTurn?: boolean;
  readonly dialled?: boolean;
}

/** The name of the peer that is given up. Only the fields that matter are given for each peer. */
function givenUp(isSeed: boolean, ...rows: Row[]): string | undefined {
  return givenUpOf('external', isSeed, ...rows);
}

function givenUpOf(side: Side, isSeed: boolean, ...rows: Row[]): string | undefined {
  const peers = rows.map((row): UsefulPeer & { name: string } => ({
    name: row.name,
    madeAt: row.madeAt,
    connection: { locallyInitiated: row.dialled ?? false },
    download: { lastBlockAt: row.lastBlockAt ?? NEVER },
    upload: {
      lastSentAt: row.lastSentAt ?? NEVER,
      turnBeganAt: row.turnBeganAt ?? NEVER,
      awaitsTurn: row.awaitsTurn ?? false,
    },
  }));
  return leastUseful(peers, {
    side,
    isSeed,
    now: NOW,
    patience: PATIENCE,
    isUseless: ({ name }) => name.startsWith('useless'),
    rank: ({ name }) => (name.startsWith('neighbour') ? 7 : 3),
  })?.name;
}

describe('the peer that loses its place to a newcomer', () => {
  it('is the one with the lowest rank, even when another has been idle longer, but never one of recent use', () => {
    const peers = [
      { name: 'neighbour', madeAt: 0 },
      { name: 'stranger', madeAt: 0, lastSentAt: NOW - 70_000 },
      { name: 'friend', madeAt: 0, lastSentAt: NOW - 50_000 },
    ];
    assert.equal(givenUp(true, ...peers), 'stranger');
  });

  it('is first of all one that is useless, however new', () => {
    const peers = [
      { name: 'idle', madeAt: 0 },
      { name: 'useless', madeAt: NOW },
    ];
    assert.equal(givenUp(true, ...peers), 'useless');
    assert.equal(givenUp(true, { name: 'useless', madeAt: 0, dialled: true }), undefined);
  });

  it('is one that we dialled, when a place of that side is needed', () => {
    const [external, dialled] = [
      { name: 'external', madeAt: 0 },
      { name: 'dialled', madeAt: 1, dialled: true },
    ];
    assert.equal(givenUpOf('dialled', false, external, dialled), 'dialled');
    assert.equal(givenUpOf('dialled', false, external), undefined);
  });

  it('is the one with which we have exchanged nothing for the longest time', () => {
    const peers = [
      { name: 'gave', madeAt: 0, lastBlockAt: NOW - 70_000 },
      { name: 'took', madeAt: 0, lastSentAt: NOW - 90_000 },
      { name: 'younger', madeAt: NOW - 80_000 },
    ];
    assert.equal(givenUp(false, ...peers), 'took');
  });

  it('is none while every peer is new or was of use recently', () => {
    const peers = [
      { name: 'young', madeAt: NOW - 59_000 },
      { name: 'gives', madeAt: 0, lastBlockAt: NOW - 1_000 },
      { name: 'may take', madeAt: 0, turnBeganAt: NOW - 1_000 },
      { name: 'takes', madeAt: 0, lastSentAt: NOW - 1_000 },
    ];
    assert.equal(givenUp(false, ...peers), undefined);
  });

  it('is never one that we dialled, when a place of the other side is needed', () => {
    assert.equal(givenUp(false, { name: 'dialled', madeAt: 0, dialled: true }), undefined);
  });

  it('is not one that waits for a turn while we seed, but may be while we leech', () => {
    const waits = { name: 'waits', madeAt: 0, awaitsTurn: true };
    assert.equal(givenUp(true, waits), undefined);
    assert.equal(givenUp(false, waits), 'waits');
  });
});
