import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SwarmSources, type Swarms } from '../../../src/discovery/swarm-sources.js';

const V1 = Buffer.alloc(20, 1);
const V2 = Buffer.alloc(20, 2);
const OF_V1: Swarms = new Map([['v1', V1]]);
const OF_V2: Swarms = new Map([['v2', V2]]);
const OF_BOTH: Swarms = new Map([
  ['v1', V1],
  ['v2', V2],
]);

/** Sources that log what they are told, and say good-bye when the test lets them. */
function setUp(swarms: Swarms) {
  const log: string[] = [];
  const goodByes = new Map<string, () => void>();
  const sources = new SwarmSources(swarms, (swarm, infoHash) => {
    const name = `${swarm}:${infoHash[0]}`;
    log.push(`${name} made`);
    return {
      begin: () => log.push(`${name} begins`),
      completed: () => log.push(`${name} complete`),
      networkChanged: () => log.push(`${name} elsewhere`),
      stop: (answered) => {
        log.push(`${name} stops`);
        goodByes.set(name, answered);
      },
    };
  });
  /** What was told since the last call. */
  const told = (): string => log.splice(0).join(', ');
  return { sources, told, goodByes, log };
}

describe('the sources of both swarms of a hybrid', () => {
  it('begin together, hear together that the torrent is complete, and say good-bye each for itself', () => {
    const { sources, told, goodByes, log } = setUp(OF_BOTH);
    assert.equal(told(), 'v1:1 made, v2:2 made');
    sources.begin();
    sources.begin();
    sources.completed();
    assert.equal(told(), 'v1:1 begins, v2:2 begins, v1:1 complete, v2:2 complete');
    sources.networkChanged();
    assert.equal(told(), 'v1:1 elsewhere, v2:2 elsewhere');
    sources.stop(() => log.push('all stopped'));
    goodByes.get('v2:2')?.();
    assert.equal(told(), 'v1:1 stops, v2:2 stops');
    goodByes.get('v1:1')?.();
    assert.equal(told(), 'all stopped');
  });

  it('begin in a second swarm when it comes to be known, and go on undisturbed in the first', () => {
    const { sources, told } = setUp(OF_V1);
    sources.begin();
    told();
    sources.setSwarms(OF_BOTH);
    sources.setSwarms(OF_BOTH);
    assert.equal(told(), 'v2:2 made, v2:2 begins');
  });

  it('that have not begun wait with both', () => {
    const { sources, told } = setUp(OF_V2);
    sources.setSwarms(OF_BOTH);
    assert.equal(told(), 'v2:2 made, v1:1 made');
    sources.begin();
    assert.equal(told(), 'v2:2 begins, v1:1 begins');
  });

  it('leave a swarm with a good-bye, for which the end waits', () => {
    const { sources, told, goodByes, log } = setUp(OF_BOTH);
    sources.begin();
    told();
    sources.setSwarms(OF_V1);
    assert.equal(told(), 'v2:2 stops');
    sources.completed();
    sources.stop(() => log.push('all stopped'));
    goodByes.get('v1:1')?.();
    assert.equal(told(), 'v1:1 complete, v1:1 stops');
    goodByes.get('v2:2')?.();
    assert.equal(told(), 'all stopped');
    sources.setSwarms(OF_BOTH);
    assert.equal(told(), '');
  });

  it('leave a swarm in which they have not begun without a word, and change the hash of one', () => {
    const { sources, told } = setUp(OF_BOTH);
    told();
    sources.setSwarms(OF_V2);
    sources.begin();
    assert.equal(told(), 'v2:2 begins');
    sources.setSwarms(new Map([['v2', Buffer.alloc(20, 3)]]));
    assert.equal(told(), 'v2:2 stops, v2:3 made, v2:3 begins');
  });
});
