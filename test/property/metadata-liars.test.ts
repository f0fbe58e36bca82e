import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LIAR_KINDS } from '../support/fakes/metadata-liars.js';
import { SimulatedSwarm } from '../support/simulation/simulated-swarm.js';
import { addressOf, linkTo, lyingPeer, magnetSample } from '../support/worlds/magnet-world.js';

const SAMPLE = magnetSample();
const { infoHash, info } = SAMPLE.metainfo;
// A liar of this kind sends us 32 MiB. It has tests of its own.
const KINDS = LIAR_KINDS.filter((kind) => kind !== 'claims 32 MiB and keeps the last piece');
const HONEST = '10.3.0.1';

describe('liars about the metadata', () => {
  it('keep us from it for at most five seconds when one peer is honest, and that peer is never banned', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...KINDS), { maxLength: 60 }), fc.nat(60), (kinds, place) => {
        const swarm = new SimulatedSwarm(SAMPLE, 1);
        const hosts = kinds.map((_, number) => `10.2.${number}.1`);
        for (const [number, kind] of kinds.entries())
          lyingPeer(swarm, hosts[number] ?? '', kind, { infoHash, info, number });
        const honest = lyingPeer(swarm, HONEST, null, { infoHash, info, number: 0 });
        hosts.splice(place, 0, HONEST);
        const client = swarm.startMagnet(linkTo(infoHash), { torrent: { trackers: [], peers: hosts.map(addressOf) } });
        swarm.timeline.runUntil(() => client.metadataAt !== null, 5_000);
        assert.equal(client.failure, null);
        swarm.timeline.run(100);
        assert.ok(honest.talks.every(({ lost }) => !lost));
        swarm.stop();
      }),
      { numRuns: 40 },
    );
  });
});
