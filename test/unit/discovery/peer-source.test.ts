import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type PeerSource, PeerSources } from '../../../src/discovery/peer-source.js';

test('several sources act as one: all begin, all hear what the torrent hears, and all must say good-bye', () => {
  const log: string[] = [];
  const goodByes: (() => void)[] = [];
  const source = (name: string): PeerSource => ({
    begin: () => log.push(`${name} begins`),
    completed: () => log.push(`${name} is complete`),
    networkChanged: () => log.push(`${name} is elsewhere`),
    stop: (answered) => goodByes.push(answered),
  });
  const sources = new PeerSources([source('a'), source('b')]);
  sources.begin();
  sources.networkChanged();
  sources.completed();
  sources.stop(() => log.push('stopped'));
  goodByes[1]?.();
  log.push('b has stopped');
  goodByes[0]?.();
  const before = ['a begins', 'b begins', 'a is elsewhere', 'b is elsewhere', 'a is complete', 'b is complete'];
  assert.deepEqual(log, [...before, 'b has stopped', 'stopped']);
});
