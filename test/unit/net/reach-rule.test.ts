import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type IpAddress, parseIp, parseNetwork } from '../../../src/net/ip-address.js';
import {
  type AddressSource,
  type AddressSourceKind,
  mayLead,
  NO_OWN_NETWORKS,
  type OwnNetworks,
} from '../../../src/net/reach-rule.js';

const ip = (text: string): IpAddress => parseIp(text) ?? assert.fail(text);
const network = (text: string) => parseNetwork(text) ?? assert.fail(text);

/** A host with a private and a public address, and no fence. */
const OWN: OwnNetworks = {
  attached: ['127.0.0.1/8', '192.168.1.5/24', '8.8.4.10/24', '2606:4700::5/64'].map(network),
  named: [],
};

/** Every kind of place, each as addresses and ports. */
const PLACES = {
  loopback: ['127.0.0.1 6881', '127.8.9.10 51413', '::1 6881', '::ffff:127.0.0.1 6881'],
  'link-local': ['169.254.169.254 6881', 'fe80::7 6881', 'fe80::7%eth0 6881'],
  private: ['192.168.1.7 6881', '10.1.2.3 6881', '172.16.9.9 6881', '100.64.1.1 6881', 'fd00::1 6881', 'fec0::1 6881'],
  own: ['8.8.4.11 6881', '2606:4700::6 6881'],
  public: ['9.0.0.1 6881', '9.0.0.1 80', '9.0.0.1 443', '9.0.0.1 65535', '2a00::1 6881'],
  service: ['9.0.0.1 25', '9.0.0.1 6379', '9.0.0.1 11211', '127.0.0.1 9200', '10.1.2.3 5432', '9.0.0.1 999'],
  wrapped: [
    '64:ff9b::7f00:1 6881',
    '64:ff9b:1::1 6881',
    '2002:7f00:1:: 6881',
    '2001::1 6881',
    '::10.0.0.1 6881',
    '::ffff:0:10.0.0.1 6881',
    '2a00::5efe:10.0.0.1 6881',
  ],
  broadcast: ['192.168.1.255 6881', '192.168.1.0 6881', '127.255.255.255 6881'],
  impossible: ['224.0.0.1 6881', 'ff02::1 6881', '0.0.0.0 6881', '0.1.2.3 6881', ':: 6881', '255.255.255.255 6881'],
  nonsense: ['9.0.0.1 0', '9.0.0.1 65536', '9.0.0.1 -1', '9.0.0.1 1.5e9'],
} as const;
type Place = keyof typeof PLACES;

/** Where a teller may be. */
const TELLERS = {
  loopback: ['127.0.0.1', '::1'],
  'link-local': ['169.254.3.4', 'fe80::9%eth0'],
  private: ['192.168.1.9', '10.9.9.9', 'fd00::9'],
  own: ['8.8.4.77', '2606:4700::77'],
  public: ['9.9.9.9', '2a00::99'],
  // We do not know their reach, or they claim one that any stranger can claim.
  unknown: ['tracker.example', 'localhost', '', '64:ff9b::7f00:1', '2002:7f00:1::', '0.0.0.0', '224.0.0.1'],
} as const;
type Teller = keyof typeof TELLERS;

const WORLD: readonly Place[] = ['public'];
/** A teller may not lead us to a place that is nearer to us than the teller. */
const BY_TELLER: Readonly<Record<Teller, readonly Place[]>> = {
  loopback: ['loopback', 'link-local', 'private', 'own', 'public'],
  'link-local': ['link-local', 'private', 'own', 'public'],
  private: ['private', 'own', 'public'],
  own: ['own', 'public'],
  public: WORLD,
  unknown: WORLD,
};
const same = (places: readonly Place[]): Readonly<Record<Teller, readonly Place[]>> => ({
  loopback: places,
  'link-local': places,
  private: places,
  own: places,
  public: places,
  unknown: places,
});

/** Where each source may lead. A kind of source without a row here does not compile. */
const ROWS: Readonly<
  Record<
    AddressSourceKind,
    {
      readonly source: (teller: string) => AddressSource;
      readonly may: Readonly<Record<Teller, readonly Place[]>>;
    }
  >
> = {
  user: {
    source: () => ({ kind: 'user' }),
    may: same(['loopback', 'link-local', 'private', 'own', 'public', 'service', 'wrapped', 'broadcast']),
  },
  link: { source: () => ({ kind: 'link' }), may: same(WORLD) },
  incoming: { source: (teller) => ({ kind: 'incoming', teller }), may: BY_TELLER },
  tracker: { source: (teller) => ({ kind: 'tracker', teller }), may: BY_TELLER },
  pex: { source: (teller) => ({ kind: 'pex', teller }), may: BY_TELLER },
  dht: { source: (teller) => ({ kind: 'dht', teller }), may: BY_TELLER },
  lsd: { source: (teller) => ({ kind: 'lsd', teller }), may: BY_TELLER },
};

/** The places where we may dial every address, and those where we may dial only some. */
function ledTo(source: AddressSource, own: OwnNetworks): { all: Place[]; some: Place[] } {
  const all: Place[] = [];
  const some: Place[] = [];
  for (const [place, addresses] of Object.entries(PLACES)) {
    const verdicts = addresses.map((address) => {
      const [host = '', port] = address.split(' ');
      return mayLead(source, ip(host), Number(port), own);
    });
    if (verdicts.every(Boolean)) all.push(place as Place);
    else if (verdicts.some(Boolean)) some.push(place as Place);
  }
  return { all, some };
}

describe('the reach rule', () => {
  for (const [kind, { source, may }] of Object.entries(ROWS)) {
    it(`lets an address that ${kind} named lead where it may, and nowhere else`, () => {
      for (const [where, tellers] of Object.entries(TELLERS)) {
        for (const teller of tellers) {
          const { all, some } = ledTo(source(teller), OWN);
          assert.deepEqual(all, [...may[where as Teller]], `told at ${where}: ${teller}`);
          assert.deepEqual(some, [], `told at ${where}: ${teller}`);
        }
      }
    });
  }

  it('lets every source lead into the network that the fence names, but to no service there', () => {
    const behind = (named: string): OwnNetworks => ({ ...OWN, named: [network(named)] });
    for (const [kind, { source }] of Object.entries(ROWS)) {
      if (kind === 'user') continue;
      const far = source('9.9.9.9');
      const led = (host: string, port: number, own: OwnNetworks) => mayLead(far, ip(host), port, own);
      assert.equal(led('127.0.0.1', 6881, behind('127.0.0.0/8')), true);
      assert.equal(led('127.0.0.1', 6379, behind('127.0.0.0/8')), false);
      assert.equal(led('192.168.1.7', 6881, behind('127.0.0.0/8')), false);
      assert.equal(led('192.168.1.7', 6881, behind('192.168.1.5/24')), true);
      assert.equal(led('192.168.1.255', 6881, behind('192.168.1.5/24')), false);
      assert.equal(led('192.168.2.7', 6881, behind('192.168.1.5/24')), false);
      assert.equal(led('127.0.0.1', 6881, behind('192.168.1.5/24')), false);
    }
  });

  it('knows loopback and private networks though it does not know our own networks', () => {
    const far: AddressSource = { kind: 'pex', teller: '9.9.9.9' };
    const verdicts = ['127.0.0.1', '10.0.0.1', '169.254.169.254', '::1', '8.8.4.11'].map((host) =>
      mayLead(far, ip(host), 6881, NO_OWN_NETWORKS),
    );
    assert.deepEqual(verdicts, [false, false, false, false, true]);
  });
});
