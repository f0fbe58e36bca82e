import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Download } from '../../../../src/swarm/download/download.js';
import { TalkingPeer } from '../../../support/fakes/talking-peer.js';
import { sampleTorrent } from '../../../support/sample-torrent.js';
import { Swarm } from '../../../support/worlds/swarm.js';
import type { SwarmMember, SwarmMemberOptions } from '../../../support/worlds/swarm-member.js';

const BLOCK = 16 * 1024;
/** Four pieces of four blocks. */
const TORRENT = sampleTorrent([{ path: 'file', length: 16 * BLOCK }], 4 * BLOCK);

class Leeching {
  readonly swarm = new Swarm(TORRENT);
  readonly member: SwarmMember;

  constructor(options: Partial<SwarmMemberOptions> = {}) {
    this.member = this.swarm.member('10.0.0.1', options);
  }

  peer(name: string, picture: string): TalkingPeer {
    const peer = new TalkingPeer(this.member, name);
    peer.has(picture);
    return peer;
  }

  download(peer: TalkingPeer): Download {
    for (const each of this.member.connecter.peers) if (each.connection === peer.connection) return each.download;
    throw new Error('this peer is gone');
  }

  /** The peer answers all its requests with right blocks. Returns how many blocks these were. */
  answer(peer: TalkingPeer): number {
    return peer.answer(TORRENT.content, 4 * BLOCK);
  }
}

/** How many of each word there are in lines such as 'request 0:0+16384, request 0:16384+16384'. */
function countOf(word: string, lines: readonly string[]): number {
  return lines.flatMap((line) => line.split(', ')).filter((each) => each.startsWith(word)).length;
}

describe('Downloader', () => {
  it('asks for a whole backlog in one write as soon as it is unchoked', () => {
    const leeching = new Leeching();
    const peer = leeching.peer('peer', '****');
    assert.deepEqual(peer.heard(), ['interested']);
    peer.say({ type: 'unchoke' });
    const heard = peer.heard();
    assert.equal(heard.length, 1);
    assert.equal(countOf('request', heard), 8);
  });

  it('asks for more when blocks come, until it has everything, and then loses interest', () => {
    const leeching = new Leeching();
    const peer = leeching.peer('peer', '****');
    peer.say({ type: 'unchoke' });
    for (let round = 0; round < 10; round += 1) {
      leeching.answer(peer);
      leeching.member.check();
    }
    leeching.swarm.timeline.run(100);
    assert.ok(leeching.member.isDone);
    assert.equal(countOf('notInterested', peer.heard()), 1);
  });

  it('is interested only in pieces that it lacks, and tells the peer when that changes', () => {
    const leeching = new Leeching();
    const peer = leeching.peer('peer', '    ');
    assert.deepEqual(peer.heard(), []);
    peer.say({ type: 'have', piece: 2 });
    assert.deepEqual(peer.heard(), ['interested']);
    peer.say({ type: 'unchoke' });
    assert.equal(leeching.answer(peer), 4);
    leeching.swarm.timeline.run(100);
    assert.deepEqual(peer.heard(), ['notInterested']);
    peer.say({ type: 'have', piece: 0 });
    assert.equal(countOf('request', peer.heard()), 4);
  });

  it('loses interest in a peer that chokes it, when others have given all its pieces', () => {
    const leeching = new Leeching();
    const choking = leeching.peer('choking', '*   ');
    const giving = leeching.peer('giving', '*   ');
    giving.say({ type: 'unchoke' });
    assert.deepEqual(choking.heard(), ['interested']);
    leeching.answer(giving);
    leeching.swarm.timeline.run(6_000);
    assert.deepEqual(choking.heard(), ['notInterested']);
  });

  it('gives all requests back at a choke, and other peers are asked at once', () => {
    const leeching = new Leeching();
    const first = leeching.peer('first', '*   ');
    const second = leeching.peer('second', '*   ');
    first.say({ type: 'unchoke' });
    assert.equal(countOf('request', first.heard()), 4);
    first.say({ type: 'choke' });
    second.say({ type: 'unchoke' });
    assert.equal(countOf('request', second.heard()), 4);
    assert.equal(leeching.download(first).inFlight, 0);
  });

  it('wakes downloads that found nothing to ask for when a peer leaves', () => {
    const leeching = new Leeching({ download: { endgameBacklog: 0 } });
    const first = leeching.peer('first', '*   ');
    const second = leeching.peer('second', '*   ');
    first.say({ type: 'unchoke' });
    second.say({ type: 'unchoke' });
    second.heard();
    first.hangUp();
    leeching.swarm.timeline.run(0);
    assert.equal(countOf('request', second.heard()), 4);
    leeching.member.check();
  });

  it('asks several peers for the same block in endgame, and sends cancels when it comes', () => {
    const leeching = new Leeching();
    const first = leeching.peer('first', '*   ');
    const second = leeching.peer('second', '*   ');
    first.say({ type: 'unchoke' });
    second.say({ type: 'unchoke' });
    leeching.swarm.timeline.run(0);
    assert.equal(countOf('request 0:', second.heard()), 4);
    first.deliver(TORRENT.content, 4 * BLOCK, 0, 1);
    assert.deepEqual(second.heard(), ['cancel 0:16384+16384']);
    // The block was on the way already: no fault, but of no use.
    second.deliver(TORRENT.content, 4 * BLOCK, 0, 1);
    assert.equal(leeching.member.downloader.wasted, BLOCK);
    assert.equal(leeching.download(second).wasted, BLOCK);
    leeching.member.check();
  });

  it('wakes downloads that found nothing to ask for when endgame begins', () => {
    const leeching = new Leeching();
    const busy = leeching.peer('busy', '*   ');
    const idle = leeching.peer('idle', '*   ');
    const both = leeching.peer('both', '**  ');
    busy.say({ type: 'unchoke' });
    idle.say({ type: 'unchoke' });
    leeching.swarm.timeline.run(0);
    assert.equal(countOf('request', idle.heard()), 0);
    both.say({ type: 'unchoke' });
    leeching.swarm.timeline.run(0);
    assert.equal(countOf('request 0:', idle.heard()), 4);
    leeching.member.check();
  });

  it('asks each peer for only a few blocks that other peers are asked for too', () => {
    const leeching = new Leeching({ download: { endgameBacklog: 2 } });
    const first = leeching.peer('first', '****');
    const second = leeching.peer('second', '****');
    first.say({ type: 'unchoke' });
    leeching.answer(first);
    first.heard();
    second.say({ type: 'unchoke' });
    leeching.swarm.timeline.run(0);
    assert.ok(leeching.member.requests.isEndgame);
    assert.equal(leeching.download(second).inFlight, 2);
  });

  it('calls a peer snubbed until its first block, and when it owes blocks for half a minute', () => {
    const leeching = new Leeching();
    const peer = leeching.peer('peer', '****');
    const download = leeching.download(peer);
    assert.ok(download.isSnubbed());
    peer.say({ type: 'unchoke' });
    assert.ok(download.isSnubbed());
    peer.deliver(TORRENT.content, 4 * BLOCK, ...firstRequest(peer));
    assert.ok(!download.isSnubbed());
    leeching.swarm.timeline.run(30_000);
    assert.ok(!download.isSnubbed());
    leeching.swarm.timeline.run(1);
    assert.ok(download.isSnubbed());
  });

  it('does not call a peer snubbed that it asks for nothing', () => {
    const leeching = new Leeching();
    const peer = leeching.peer('peer', '*   ');
    peer.say({ type: 'unchoke' });
    leeching.answer(peer);
    leeching.swarm.timeline.run(100_000);
    assert.ok(!leeching.download(peer).isSnubbed());
  });

  it('lets others fetch what a peer does not send for a minute, and leaves it one request', () => {
    const leeching = new Leeching({ download: { endgameBacklog: 0 } });
    const silent = leeching.peer('silent', '****');
    silent.say({ type: 'unchoke' });
    const busy = leeching.peer('busy', '****');
    busy.say({ type: 'unchoke' });
    silent.heard();
    busy.heard();
    leeching.swarm.timeline.run(59_000);
    assert.equal(leeching.download(silent).inFlight, 8);
    leeching.swarm.timeline.run(8_000);
    assert.ok(leeching.download(silent).inFlight <= 1);
    assert.equal(leeching.download(silent).backlog, 1);
    leeching.member.check();
  });

  it('asks a peer that sent nothing for a minute for one block again, when there is no other peer', () => {
    const leeching = new Leeching();
    const peer = leeching.peer('peer', '****');
    peer.say({ type: 'unchoke' });
    peer.heard();
    leeching.swarm.timeline.run(66_000);
    assert.equal(countOf('request', peer.heard()), 1);
    leeching.member.check();
  });

  it('accepts a block that comes even later', () => {
    const leeching = new Leeching();
    const peer = leeching.peer('peer', '*   ');
    peer.say({ type: 'unchoke' });
    peer.say({ type: 'choke' });
    leeching.answer(peer);
    assert.equal(leeching.member.downloader.total, 4 * BLOCK);
    leeching.swarm.timeline.run(100);
    assert.ok(leeching.member.wrapper.have.has(0));
  });

  it('asks again when there is room for pieces again', () => {
    const leeching = new Leeching({ memory: 4 * BLOCK });
    const peers = ['a', 'b'].map((name) => leeching.peer(name, '****'));
    for (const peer of peers) peer.say({ type: 'unchoke' });
    for (let round = 0; round < 20; round += 1) {
      for (const peer of peers) leeching.answer(peer);
      leeching.swarm.timeline.run(10);
      leeching.member.check();
    }
    assert.ok(leeching.member.isDone);
    assert.equal(leeching.member.slots.taken, 0);
  });

  it('asks when memory that other torrents held is free again', () => {
    const leeching = new Leeching({ memory: 4 * BLOCK });
    const { slots } = leeching.member;
    const slot = slots.take(4 * BLOCK);
    const peer = leeching.peer('peer', '****');
    peer.say({ type: 'unchoke' });
    leeching.swarm.timeline.run(3_000);
    assert.equal(countOf('request', peer.heard()), 0);
    slots.giveBack(slot!);
    leeching.swarm.timeline.run(1_001);
    assert.equal(countOf('request', peer.heard()), 4);
  });

  it('asks for no more than the download limit allows', () => {
    const leeching = new Leeching({ downloadRate: BLOCK });
    const peer = leeching.peer('peer', '****');
    peer.say({ type: 'unchoke' });
    assert.equal(countOf('request', peer.heard()), 1);
    leeching.swarm.timeline.run(2_500);
    assert.equal(countOf('request', peer.heard()), 2);
    peer.say({ type: 'choke' });
    peer.say({ type: 'unchoke' });
    assert.equal(countOf('request', peer.heard()), 1, 'what was given back is not spent');
  });

  it('counts a failed piece as wasted and fetches it again', () => {
    const leeching = new Leeching();
    const peer = leeching.peer('peer', '*   ');
    peer.say({ type: 'unchoke' });
    peer.heard();
    for (const block of [0, 1, 2, 3]) {
      peer.say({ type: 'piece', piece: 0, begin: block * BLOCK, block: Buffer.alloc(BLOCK, 1) });
    }
    const other = leeching.peer('other', '*   ');
    other.say({ type: 'unchoke' });
    leeching.swarm.timeline.run(100);
    assert.deepEqual([leeching.member.log, leeching.member.refusals], [['piece 0 failed'], []]);
    assert.equal(leeching.member.banned[0], peer.connection);
    assert.equal(leeching.member.downloader.wasted, 4 * BLOCK);
    leeching.member.check();
  });
});

function firstRequest(peer: TalkingPeer): [number, number] {
  const [line] = peer.heard().filter((each) => each.startsWith('request'));
  const [piece, begin] = line!.slice('request '.length).split(/[:+]/).map(Number);
  return [piece!, begin! / BLOCK];
}
