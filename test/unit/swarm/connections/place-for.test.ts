import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { placeFor } from '../../../../src/swarm/connections/place-for.js';

const NOW = 1_000_000;
const NEVER = Number.NEGATIVE_INFINITY;

interface Row {
  readonly host: string;
  readonly name?: string;
  /** How long ago it was of use; just now when absent. */
  readonly idleFor?: number;
  readonly isInTurn?: boolean;
  readonly dialled?: boolean;
}

interface Case {
  readonly isSeed?: boolean;
  readonly isHostFull?: boolean;
  /** When a host had its last turn. */
  readonly turns?: Readonly<Record<string, number>>;
}

/** Who gives its place to a newcomer of `host`: a row's name, or else its host. */
function giverTo(host: string, rows: readonly Row[], { isSeed = true, isHostFull = false, turns = {} }: Case = {}) {
  const peers = rows.map(({ host: hostKey, name, idleFor, isInTurn, dialled }) => ({
    name: name ?? hostKey,
    madeAt: 0,
    connection: { locallyInitiated: dialled ?? false, hostKey },
    download: { lastBlockAt: NEVER },
    upload: {
      lastSentAt: NOW - (idleFor ?? 0),
      turnBeganAt: isInTurn === true ? NOW : NEVER,
      awaitsTurn: idleFor === undefined,
    },
  }));
  const placesOf = (key: string): number => rows.filter((row) => row.host === key && row.dialled !== true).length;
  return placeFor(
    peers,
    { hostKey: host, placesOf, isHostFull },
    {
      isSeed,
      now: NOW,
      patience: 60_000,
      isUseless: ({ name }) => name === 'useless',
      rank: () => 0,
      lastTurnOf: (key) => turns[key] ?? NEVER,
    },
  )?.name;
}

const busy = (host: string, count: number): Row[] => Array.from({ length: count }, () => ({ host }));

describe('a place in a full table', () => {
  it('goes from the host with the most places to one with fewer, however busy: the least useful peer first', () => {
    const idle = { host: 'many', name: 'idle', idleFor: 5_000 };
    assert.equal(giverTo('new', [...busy('few', 2), ...busy('many', 2), idle]), 'idle');
    assert.equal(giverTo('few', [...busy('few', 2), ...busy('many', 3), idle]), 'idle');
  });

  it('does not go to a host that would then have more places than the other one', () => {
    assert.equal(giverTo('few', [...busy('few', 2), ...busy('many', 3)]), undefined);
    assert.equal(giverTo('new', [...busy('a', 1), ...busy('b', 1)]), undefined);
  });

  it('goes from a useless peer before any other', () => {
    assert.equal(giverTo('new', [...busy('many', 5), { host: 'a', name: 'useless' }]), 'useless');
  });

  it('goes from a peer that was of no use for long, but not to a host with as many places', () => {
    const rows = [{ host: 'a', idleFor: 70_000 }, ...busy('b', 1)];
    assert.equal(giverTo('new', rows), 'a');
    assert.equal(giverTo('b', rows), undefined);
  });

  it('goes, while we seed, from the host that was served last to one that was served earlier or not at all', () => {
    const rows = [...busy('a', 1), ...busy('b', 1), ...busy('c', 1), { host: 'd', isInTurn: true }];
    const turns = { a: 100, b: 300, d: 400, e: 200, f: 350 };
    const given = ['new', 'e', 'f'].map((host) => giverTo(host, rows, { turns }));
    assert.deepEqual(given, ['b', 'b', undefined]);
    assert.equal(giverTo('new', rows, { turns, isSeed: false }), undefined);
  });

  it('is never that of a peer that we have dialled', () => {
    assert.equal(giverTo('new', [{ host: 'a', idleFor: 70_000, dialled: true }, ...busy('b', 1)]), undefined);
  });

  it('goes from a peer of no use to another one of the same host when that host has all its places', () => {
    const rows = [{ host: 'other', idleFor: 90_000 }, { host: 'a', idleFor: 70_000, name: 'idle' }, ...busy('a', 3)];
    assert.equal(giverTo('a', rows, { isHostFull: true }), 'idle');
    assert.equal(giverTo('a', busy('a', 4), { isHostFull: true }), undefined);
  });
});
