import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import {
  chooseMethod,
  DialWays,
  ENCRYPTION_POLICIES,
  type EncryptionPolicy,
} from '../../../../src/swarm/connections/dial-ways.js';
import type { DialWay } from '../../../../src/swarm/connections/peer-dial.js';
import { CRYPTO } from '../../../../src/wire/mse/mse-keys.js';

const RC4: DialWay = { provide: CRYPTO.rc4 };
const EITHER: DialWay = { provide: 3 };
const PEER = '192.0.2.1:6881';
/** As many addresses as are remembered. */
const MANY = 4_000;

/** What a peer has to do with encryption, as far as we know. */
const KNOWN: Readonly<Record<string, (ways: DialWays) => void>> = {
  nothing: () => undefined,
  'others say that it likes encryption': (ways) => ways.said(PEER),
  'plain has worked': (ways) => ways.worked(PEER, 'plain'),
  'encryption has worked': (ways) => ways.worked(PEER, EITHER),
  'plain has worked, and others say that it likes encryption': (ways) => {
    ways.worked(PEER, 'plain');
    ways.said(PEER);
  },
  'others have said so, and then plain has worked': (ways) => {
    ways.said(PEER);
    ways.worked(PEER, 'plain');
  },
  'plain has worked, and then encryption': (ways) => {
    ways.worked(PEER, 'plain');
    ways.worked(PEER, RC4);
  },
};

const PLAIN_FIRST: readonly DialWay[] = ['plain', EITHER];
const ENCRYPTED_FIRST: readonly DialWay[] = [EITHER, 'plain'];
const RC4_FIRST: readonly DialWay[] = [RC4, 'plain'];
const RC4_LAST: readonly DialWay[] = ['plain', RC4];

describe('the ways to a peer of which we know', () => {
  const table: Readonly<Record<string, readonly [allow: readonly DialWay[], prefer: readonly DialWay[]]>> = {
    nothing: [PLAIN_FIRST, RC4_FIRST],
    'others say that it likes encryption': [ENCRYPTED_FIRST, RC4_FIRST],
    'plain has worked': [PLAIN_FIRST, RC4_LAST],
    'encryption has worked': [ENCRYPTED_FIRST, RC4_FIRST],
    'plain has worked, and others say that it likes encryption': [PLAIN_FIRST, RC4_LAST],
    'others have said so, and then plain has worked': [PLAIN_FIRST, RC4_LAST],
    'plain has worked, and then encryption': [ENCRYPTED_FIRST, RC4_FIRST],
  };
  for (const [what, learn] of Object.entries(KNOWN))
    it(what, () => {
      const waysFor = (policy: EncryptionPolicy): readonly DialWay[] => {
        const ways = new DialWays(policy);
        learn(ways);
        return ways.waysTo(PEER);
      };
      assert.deepEqual([waysFor('allow'), waysFor('prefer')], table[what]);
      assert.deepEqual([waysFor('off'), waysFor('require')], [['plain'], [RC4]], 'the user says the rest');
    });
});

test('what is known of one peer is not known of another', () => {
  const ways = new DialWays('allow');
  ways.worked(PEER, EITHER);
  assert.deepEqual(ways.waysTo('192.0.2.1:6882'), PLAIN_FIRST);
});

test('trackers are told what the user wants', () => {
  assert.deepEqual(
    ENCRYPTION_POLICIES.map((policy) => new DialWays(policy).told),
    ['none', 'supported', 'supported', 'required'],
  );
});

test('4,000 peers are remembered, and those are forgotten first of which we heard longest ago', () => {
  const ways = new DialWays('allow');
  const isKnown = (number: number): boolean => ways.waysTo(`${number}`)[0] !== 'plain';
  for (let number = 0; number < MANY; number += 1) ways.said(`${number}`);
  assert.deepEqual([isKnown(0), isKnown(MANY - 1)], [true, true]);
  ways.worked('0', EITHER);
  // It is known already: saying it again makes it no younger, so that no peer keeps its friends in mind for ever.
  ways.said('1');
  ways.said('new');
  ways.said('newer');
  assert.deepEqual([0, 1, 2, 3].map(isKnown), [true, false, false, true]);
  for (let number = 0; number < 10 * MANY; number += 1) ways.said(`x${number}`);
  assert.deepEqual([0, 3, MANY - 1].map(isKnown), [false, false, false]);
});

test('of what a peer offers we choose by what the user wants, and never what was not offered', () => {
  const { plaintext, rc4 } = CRYPTO;
  const offers = [0, plaintext, rc4, 3, 4, 0xffffffff];
  const choices = (policy: EncryptionPolicy) => offers.map((offer) => chooseMethod(policy, offer));
  assert.deepEqual(choices('allow'), [undefined, plaintext, rc4, plaintext, undefined, plaintext]);
  assert.deepEqual(choices('prefer'), [undefined, plaintext, rc4, rc4, undefined, rc4]);
  assert.deepEqual(choices('require'), [undefined, undefined, rc4, rc4, undefined, rc4]);
});
