import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OwnAddresses } from '../../../src/discovery/own-addresses.js';

test('our address is the one that trackers and peers of many networks agree on', () => {
  const own = new OwnAddresses();
  own.vote('tracker.example.org', '203.0.113.7');
  for (let network = 1; network <= 4; network += 1) {
    assert.equal(own.of(4), null);
    own.vote(`9.${network}.0.1`, '203.0.113.7');
    own.vote(`9.${network}.0.2`, '198.51.100.1');
    own.vote(`9.${network}.0.3`, '203.0.113.7');
  }
  assert.equal(own.of(4)?.text, '203.0.113.7');
  assert.equal(own.of(6), null);
});

test('a teller near us has no vote, and a vote for an address that is not public does not count', () => {
  const own = new OwnAddresses();
  for (let peer = 1; peer <= 9; peer += 1) {
    own.vote(`10.${peer}.0.1`, '203.0.113.7');
    own.vote(`9.${peer}.0.1`, '192.168.1.7');
    own.vote(`9.${peer}.0.1`, 'nowhere');
  }
  assert.equal(own.of(4), null);
});
