import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isBarredPort } from '../../../src/net/barred-ports.js';

describe('barred ports', () => {
  it('are those of services that obey lines, those of databases, and those that browsers bar', () => {
    const services = [0, 22, 25, 53, 587, 6379, 11211, 9200, 5432, 3306, 27017, 2181, 9100, 1900, 6667, 10080];
    services.push(1234, 2345, 4444, 9222, 3310, 6600, 4212, 9051, 9151);
    assert.deepEqual(
      services.filter((port) => !isBarredPort(port)),
      [],
    );
  });

  it('are never those that peers and trackers use by habit or get by chance', () => {
    const habit = [80, 443, 451, 1337, 2710, 8080, 16881, ...Array.from({ length: 119 }, (_, index) => 6881 + index)];
    const chance = Array.from({ length: 32_768 }, (_, index) => 32_768 + index);
    assert.deepEqual([...habit, ...chance].filter(isBarredPort), []);
  });

  it('are fewer than two hundred', () => {
    const all = Array.from({ length: 65_536 }, (_, port) => port).filter(isBarredPort);
    assert.ok(all.length < 200, `${all.length}`);
  });
});
