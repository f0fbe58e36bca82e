import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TalkingPeer } from '../../support/fakes/talking-peer.js';
import { sampleTorrent } from '../../support/sample-torrent.js';
import { Swarm } from '../../support/worlds/swarm.js';

const TORRENT = sampleTorrent([{ path: 'file', length: 10 * 16 * 1024 }], 16 * 1024);

describe('HaveNews', () => {
  it('tells of many pieces in several writes, and waits for a peer that does not read them', () => {
    const swarm = new Swarm(TORRENT);
    const member = swarm.member('10.0.0.1', {
      connecter: { haveNews: { delay: 50, maxTold: 4, maxUnsent: 1_000 } },
    });
    const [quick, slow, knowing] = ['quick', 'slow', 'knowing'].map((name) => new TalkingPeer(member, name)) as [
      TalkingPeer,
      TalkingPeer,
      TalkingPeer,
    ];
    slow.connection.unsentLength = 1_001;
    knowing.has(' * *      ');
    for (let piece = 0; piece < 9; piece += 1) {
      member.wrapper.markVerified(TORRENT.piece(piece));
      member.connecter.pieceFound(TORRENT.piece(piece));
    }
    const late = new TalkingPeer(member, 'late');
    member.wrapper.markVerified(TORRENT.piece(9));
    member.connecter.pieceFound(TORRENT.piece(9));
    swarm.timeline.run(50);
    assert.deepEqual(quick.heard(), ['have 0, have 1, have 2, have 3']);
    assert.deepEqual(slow.heard(), []);
    assert.deepEqual(late.heard(), ['bitfield ff80', 'have 9']);
    swarm.timeline.run(100);
    assert.deepEqual(quick.heard(), ['have 4, have 5, have 6, have 7', 'have 8, have 9']);
    assert.deepEqual(knowing.heard().at(-1), 'have 8, have 9');
    slow.connection.unsentLength = 0;
    swarm.timeline.run(150);
    assert.deepEqual(slow.heard(), [
      'have 0, have 1, have 2, have 3',
      'have 4, have 5, have 6, have 7',
      'have 8, have 9',
    ]);
    for (const peer of [quick, slow, knowing, late]) peer.hangUp();
    swarm.timeline.run(1_000);
    assert.equal(swarm.timeline.pending, 0);
  });
});
