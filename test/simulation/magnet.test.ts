import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { sha1 } from '../../src/base/digest.js';
import { BtgetError } from '../../src/base/failure.js';
import type { SeekingTorrent } from '../../src/discovery/peer-source.js';
import { infoHashV2 } from '../../src/metainfo/info-hash.js';
import { parseNetwork } from '../../src/net/ip-address.js';
import { FakeNetworkWatch } from '../support/fakes/fake-network-watch.js';
import { SimulatedSwarm } from '../support/simulation/simulated-swarm.js';
import { addressOf, linkTo, lyingPeer, magnetSample, metadataPeer } from '../support/worlds/magnet-world.js';

const SAMPLE = magnetSample();
const { infoHash, info } = SAMPLE.metainfo;
const LINK = linkTo(infoHash);

/** A source of peers that notes what is asked of it. */
function notingSource(log: string[], address: () => { host: string; port: number } | null = () => null) {
  return (torrent: SeekingTorrent) => ({
    begin: () => {
      log.push('begin');
      const found = address();
      if (found !== null) torrent.startConnection(found, { kind: 'lsd', teller: found.host });
    },
    completed: () => {
      log.push('completed');
    },
    networkChanged: () => {
      log.push('network changed');
    },
    stop: (answered: () => void) => {
      log.push('stop');
      torrent.timers.addTask(answered, 0);
    },
  });
}

describe('a magnet link', () => {
  test('is downloaded from a seed that the tracker names, over one connection and one announce', () => {
    const swarm = new SimulatedSwarm(SAMPLE, 1);
    const seed = swarm.start({ seed: true });
    swarm.timeline.run(1_000);
    const client = swarm.startMagnet(LINK);
    swarm.untilAllDone(5_000);
    assert.equal(client.metadata.image(null), null, 'what was kept is gone when it is said that all is done');
    assert.deepEqual(client.storage()?.contents(), SAMPLE.content);
    swarm.timeline.run(1_000);
    assert.deepEqual(
      [...seed.torrent.refusals.keys()].filter((code) => code !== 'both-complete'),
      [],
    );
    const announces = swarm.log.filter((line) => line.includes('leech 2: tracker'));
    assert.equal(announces.length, 2, 'started and completed');
    swarm.stop();
  });

  test('with the info-hashes of two torrents tells of the peers whose metadata has one of them alone', () => {
    const swarm = new SimulatedSwarm(SAMPLE, 1);
    const peers = ['10.2.0.1', '10.2.1.1'];
    for (const host of peers) metadataPeer(swarm, host, infoHash, info);
    const link = linkTo(infoHash, { infoHashV2: infoHashV2(Buffer.alloc(32, 1)) });
    const client = swarm.startMagnet(link, { torrent: { trackers: [], peers: peers.map(addressOf) } });
    swarm.timeline.run(60_000);
    const { state, falseMetadata, peers: connected, reach } = client.torrent.status();
    assert.deepEqual([client.metadataAt, state, falseMetadata, connected], [null, 'metadata', 2, 0]);
    assert.ok(reach.answered >= 2 && reach.answered === reach.dialled, JSON.stringify(reach));
    swarm.stop();
  });

  test('is downloaded from a peer that dials us, whose connection lives on in the second life', () => {
    const swarm = new SimulatedSwarm(SAMPLE, 1);
    const client = swarm.startMagnet(LINK, { torrent: { trackers: [] } });
    swarm.timeline.run(1_000);
    swarm.start({ seed: true, torrent: { trackers: [], peers: [client.address] } });
    swarm.untilAllDone(5_000);
    assert.deepEqual(client.storage()?.contents(), SAMPLE.content);
    swarm.stop();
  });

  test('goes on from what was there', () => {
    const swarm = new SimulatedSwarm(SAMPLE, 1);
    const seed = swarm.start({ seed: true, torrent: { trackers: [] } });
    const half = SAMPLE.content.subarray(0, SAMPLE.content.length >> 1);
    const client = swarm.startMagnet(LINK, { part: half, torrent: { trackers: [], peers: [seed.address] } });
    swarm.untilAllDone(5_000);
    assert.deepEqual(client.storage()?.contents(), SAMPLE.content);
    assert.ok(client.torrent.status().downloaded < half.length + 64 * 1024);
    swarm.stop();
  });

  test('tells peers of its first life what was there, piece by piece', () => {
    const swarm = new SimulatedSwarm(SAMPLE, 1);
    const peer = metadataPeer(swarm, '10.2.0.1', infoHash, info);
    const part = SAMPLE.content.subarray(0, 3 * 32 * 1024);
    swarm.startMagnet(LINK, { part, torrent: { trackers: [], peers: [addressOf('10.2.0.1')] } });
    swarm.timeline.run(1_000);
    const told = peer.talk.log.filter((what) => /^(have|bitfield)/.test(what));
    assert.deepEqual(told, ['have 0', 'have 1', 'have 2']);
    swarm.stop();
  });

  test('whose metadata was kept needs no peer to know its files', () => {
    const swarm = new SimulatedSwarm(SAMPLE, 1);
    const metadata = { bytes: info, changedAt: 0n, doubt: null };
    const part = SAMPLE.content.subarray(0, 200_000);
    const client = swarm.startMagnet(LINK, { metadata, part, torrent: { trackers: [] } });
    swarm.timeline.run(1_000);
    assert.equal(client.torrent.current.life, 'content');
    assert.equal(client.torrent.status().have, 6 * 32 * 1024);
    swarm.stop();
  });

  test('whose kept metadata is not what the hash says is fetched anew', () => {
    const swarm = new SimulatedSwarm(SAMPLE, 1);
    const seed = swarm.start({ seed: true, torrent: { trackers: [] } });
    const metadata = { bytes: magnetSample({ name: 'another' }).metainfo.info, changedAt: 0n, doubt: null };
    const client = swarm.startMagnet(LINK, { metadata, torrent: { trackers: [], peers: [seed.address] } });
    swarm.timeline.runUntil(() => client.metadataAt !== null, 1_000);
    assert.match(swarm.log.at(-1) ?? '', /metadata of sample$/);
    swarm.untilAllDone(5_000);
    swarm.stop();
  });

  test('keeps its metadata while the download goes on', () => {
    const swarm = new SimulatedSwarm(SAMPLE, 1);
    const peer = metadataPeer(swarm, '10.2.0.1', infoHash, info);
    const client = swarm.startMagnet(LINK, { torrent: { trackers: [], peers: [addressOf('10.2.0.1')] } });
    swarm.timeline.run(1_000);
    assert.deepEqual(client.metadata.image(null)?.bytes, info);
    assert.equal(peer.talks.length, 1);
    swarm.stop();
  });

  test('that is finished from its .torrent later leaves no metadata behind', () => {
    const swarm = new SimulatedSwarm(SAMPLE, 1);
    const seed = swarm.start({ seed: true, torrent: { trackers: [] } });
    const metadata = { bytes: info, changedAt: 0n, doubt: null };
    const client = swarm.start({ metadata, torrent: { trackers: [], peers: [seed.address] } });
    swarm.timeline.run(0);
    assert.deepEqual(client.metadata.image(null)?.bytes, info);
    swarm.untilAllDone(5_000);
    swarm.timeline.run(1_000);
    assert.equal(client.metadata.image(null), null);
    swarm.stop();
  });

  test('keeps a peer whose part of the metadata comes when others have sent it already', () => {
    const swarm = new SimulatedSwarm(SAMPLE, 1);
    const slow = lyingPeer(swarm, '10.2.0.1', 'sends a piece each 400 ms', { infoHash, info, number: 0 });
    metadataPeer(swarm, '10.2.0.2', infoHash, info);
    const peers = [addressOf('10.2.0.1'), addressOf('10.2.0.2')];
    const client = swarm.startMagnet(LINK, { torrent: { trackers: [], peers } });
    swarm.timeline.runUntil(() => client.metadataAt !== null, 2_000);
    swarm.timeline.run(4_000);
    assert.equal(client.torrent.current.life, 'content');
    assert.equal(slow.talk.lost, false);
    swarm.stop();
  });

  test('of fifty liars and one honest peer is fetched, and every liar that was asked alone is banned', () => {
    for (let seed = 1; seed <= 10; seed += 1) {
      const swarm = new SimulatedSwarm(SAMPLE, seed);
      const wrong = Buffer.from(info);
      wrong[wrong.length - 1] = 0;
      const hosts = Array.from({ length: 50 }, (_, index) => `10.2.${index}.1`);
      for (const host of hosts) metadataPeer(swarm, host, infoHash, wrong);
      const honest = swarm.start({ seed: true, torrent: { trackers: [] } });
      const peers = hosts.map(addressOf);
      // Some of the liars come before the honest peer, some after it.
      peers.splice(seed * 4, 0, honest.address);
      const client = swarm.startMagnet(LINK, { torrent: { trackers: [], peers } });
      swarm.untilAllDone(120_000);
      assert.ok((client.torrent.current.torrent.refusals.get('banned') ?? 0) > 0);
      assert.deepEqual(client.storage()?.contents(), SAMPLE.content);
      swarm.stop();
    }
  });

  test('that leads to metadata which is no torrent fails with its reason', () => {
    const bad = magnetSample({ 'x-bad': 1 });
    const broken = Buffer.from('d6:lengthi5e4:name5:helloe');
    const swarm = new SimulatedSwarm(bad, 1);
    const hash = sha1(broken);
    metadataPeer(swarm, '10.2.0.1', hash, broken);
    const options = { torrent: { trackers: [], peers: [addressOf('10.2.0.1')] } };
    const client = swarm.startMagnet(linkTo(hash), options);
    swarm.timeline.run(2_000);
    assert.equal(client.failure instanceof BtgetError && client.failure.code, 'torrent-invalid');
    swarm.stop();
  });

  test('is sought by every source of peers in both lives, as one torrent', () => {
    const log: string[] = [];
    const swarm = new SimulatedSwarm(SAMPLE, 1);
    const seed = swarm.start({ seed: true, torrent: { trackers: [] } });
    const source = notingSource(log, () => seed.address);
    const client = swarm.startMagnet(LINK, { peerSources: [source], torrent: { trackers: [] } });
    swarm.untilAllDone(5_000);
    assert.deepEqual(client.storage()?.contents(), SAMPLE.content);
    assert.deepEqual(log, ['begin', 'completed']);
    swarm.stop();
    assert.deepEqual(log, ['begin', 'completed', 'stop']);
  });

  test('finds its peers again in either life when the machine comes to another network', () => {
    const log: string[] = [];
    const swarm = new SimulatedSwarm(SAMPLE, 1);
    const seed = swarm.start({ seed: true, host: { upload: 20_000 }, torrent: { trackers: [] } });
    const networkWatch = new FakeNetworkWatch(() => log.push('unwatched'));
    const peers = [seed.address];
    const client = swarm.startMagnet(LINK, {
      networkWatch,
      peerSources: [notingSource(log)],
      torrent: { trackers: [], peers },
    });
    const isBack = (): boolean => client.torrent.status().peers > 0;
    for (const life of ['metadata', 'content']) {
      swarm.network.silence(client.address.host);
      swarm.timeline.run(40 * 60_000);
      assert.deepEqual([client.torrent.current.life, isBack()], [life, false]);
      swarm.network.restore(client.address.host);
      networkWatch.tell();
      swarm.timeline.runUntil(isBack, 2_000);
      if (life === 'metadata') swarm.timeline.runUntil(() => client.metadataAt !== null, 10_000);
    }
    assert.deepEqual(log, ['begin', 'network changed', 'network changed']);
    swarm.untilAllDone(60_000);
    swarm.stop();
    assert.deepEqual(log.slice(3), ['completed', 'unwatched', 'stop']);
    assert.equal(swarm.timeline.pending, 0);
  });

  test('of a private torrent leaves at once whom no tracker named', () => {
    const secret = magnetSample({ private: 1 });
    const { metainfo } = secret;
    const log: string[] = [];
    const swarm = new SimulatedSwarm(secret, 1);
    const stranger = metadataPeer(swarm, '10.2.0.1', metainfo.infoHash, metainfo.info);
    swarm.start({ seed: true });
    swarm.timeline.run(1_000);
    const source = notingSource(log, () => addressOf('10.2.0.1'));
    const client = swarm.startMagnet(linkTo(metainfo.infoHash), { peerSources: [source] });
    swarm.untilAllDone(10_000);
    assert.deepEqual(log, ['begin', 'stop']);
    assert.equal(stranger.talk.lost, true);
    assert.equal(stranger.talks.length, 1);
    assert.deepEqual(client.storage()?.contents(), secret.content);
    swarm.stop();
  });

  test('of a private torrent leaves whom the link named too, and does not dial him when it has kept its metadata', () => {
    const secret = magnetSample({ private: 1 });
    const { metainfo } = secret;
    const swarm = new SimulatedSwarm(secret, 1);
    const [named, given] = ['9.2.0.1', '10.2.0.2'].map((host) =>
      metadataPeer(swarm, host, metainfo.infoHash, metainfo.info),
    );
    const torrent = { trackers: [], linkPeers: [addressOf('9.2.0.1')], peers: [addressOf('10.2.0.2')] };
    const first = swarm.startMagnet(linkTo(metainfo.infoHash), { torrent });
    swarm.timeline.run(200_000);
    assert.equal(first.torrent.current.life, 'content');
    assert.deepEqual(
      named?.talks.map(({ lost }) => lost),
      [true],
    );
    assert.equal(given?.talks.at(-1)?.lost, false, 'whom the user gave stays');
    const metadata = { bytes: metainfo.info, changedAt: 0n, doubt: null };
    swarm.startMagnet(linkTo(metainfo.infoHash), { metadata, torrent });
    swarm.timeline.run(10_000);
    assert.equal(named?.talks.length, 1);
    swarm.stop();
  });

  test('does not dial a peer of a private network that the link names, and says what does', () => {
    const swarm = new SimulatedSwarm(SAMPLE, 1);
    const near = metadataPeer(swarm, '10.2.0.1', infoHash, info);
    const torrent = { trackers: [], linkPeers: [addressOf('10.2.0.1'), addressOf('10.2.0.2')] };
    swarm.startMagnet(LINK, { torrent });
    swarm.timeline.run(5_000);
    assert.deepEqual(swarm.log, [
      '1 leech 1: warning link-peer-refused: the link names a peer at 10.2.0.1:6881 and 1 more, where no link may ' +
        'lead; --peer 10.2.0.1:6881 dials it all the same',
    ]);
    assert.equal(near.talks.length, 0);
    const named = parseNetwork('10.2.0.0/24') ?? assert.fail();
    const fenced = swarm.startMagnet(LINK, { torrent, ownNetworks: { attached: [], named: [named] } });
    swarm.timeline.run(5_000);
    assert.notEqual(fenced.metadataAt, null);
    swarm.stop();
  });

  test('ends in its first life when it is told to, and says good-bye', () => {
    const swarm = new SimulatedSwarm(SAMPLE, 1);
    const client = swarm.startMagnet(LINK);
    swarm.timeline.run(5_000);
    assert.equal(client.torrent.status().state, 'metadata');
    assert.deepEqual(swarm.log, ['51 leech 1: tracker names 0']);
    swarm.stop();
    assert.equal(client.torrent.status().state, 'stopped');
  });

  test('that selects files which are not there fails, and its first life ends with it', () => {
    const swarm = new SimulatedSwarm(SAMPLE, 1);
    const seed = swarm.start({ seed: true, torrent: { trackers: [] } });
    const selection = { select: ['*.mkv'], exclude: [], ranges: null };
    const client = swarm.startMagnet(LINK, { torrent: { trackers: [], peers: [seed.address], selection } });
    swarm.timeline.run(2_000);
    assert.equal(client.failure?.message, '--select: no file of sample matches *.mkv');
    swarm.timeline.run(2_000);
    assert.equal(client.torrent.status().state, 'stopped');
    swarm.stop();
  });
});
