import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_PORT_MAPPING_OPTIONS } from '../../../../src/discovery/port-mapping/mapping-protocol.js';
import { type GatewayPlace, PortMapper } from '../../../../src/discovery/port-mapping/port-mapper.js';
import type { BindAddresses } from '../../../../src/net/fence.js';
import { seededRandom } from '../../../support/simulation/seeded-random.js';
import { type GatewayOptions, SimulatedGateway } from '../../../support/simulation/simulated-gateway.js';
import { SimulatedNetwork } from '../../../support/simulation/simulated-network.js';
import { Timeline } from '../../../support/simulation/timeline.js';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const LOCAL = '192.168.1.2';
const ROUTER = '192.168.1.1';
const BOTH = ['tcp 6881', 'udp 6881'];

function setUp(options: Partial<GatewayOptions> = {}, bindAddresses: BindAddresses | null = null) {
  const timeline = new Timeline();
  const network = new SimulatedNetwork(timeline, seededRandom(1), 1);
  const gateway = new SimulatedGateway(network.host(ROUTER), options);
  const rawServer = network.host([LOCAL, '192.168.2.2'], { bindAddresses });
  const places: GatewayPlace[] = [{ family: 4, gateway: ROUTER, local: LOCAL }];
  const mapper = new PortMapper({
    rawServer,
    random: seededRandom(2),
    findGateways: () => [...places],
    askGateway: gateway.ask,
    options: DEFAULT_PORT_MAPPING_OPTIONS,
  });
  const stop = (): number => {
    const began = timeline.now();
    let ended = 0;
    mapper.stop(() => {
      ended += 1;
    });
    assert.equal(ended, 0, 'never within the call');
    timeline.runUntil(() => ended > 0, MINUTE);
    const took = timeline.now() - began;
    timeline.run(MINUTE);
    assert.equal(ended, 1);
    assert.equal(timeline.pending, 0);
    return took;
  };
  return { timeline, network, gateway, mapper, places, stop };
}

const mapped = (protocol: string) => [
  { family: 4, state: 'mapped', protocol, gateway: ROUTER, externalHost: '203.0.113.5', port: 6881, udp: true },
];

for (const { protocol, within } of [
  { protocol: 'PCP', within: 100 },
  { protocol: 'NAT-PMP', within: 100 },
  { protocol: 'UPnP', within: 5 * SECOND },
] as const) {
  test(`a gateway that speaks only ${protocol} lets TCP and UDP in until the mapper stops`, () => {
    const { timeline, gateway, mapper, stop } = setUp({ speaks: [protocol] });
    mapper.begin(6881);
    assert.deepEqual(mapper.state(), [{ family: 4, state: 'asking' }]);
    timeline.run(within);
    assert.deepEqual(mapper.state(), mapped(protocol));
    assert.deepEqual([...gateway.letsIn], BOTH);
    assert.ok(stop() < 50);
    assert.deepEqual([...gateway.letsIn], []);
  });

  test(`a mapping by ${protocol} is renewed after half of its lifetime`, () => {
    const { timeline, gateway, mapper } = setUp({ speaks: [protocol], maxLifetime: 1200 });
    mapper.begin(6881);
    timeline.run(35 * MINUTE);
    const times = gateway.log
      .filter((line) => line.includes(`${protocol} tcp`))
      .map((line) => Number(line.split(' ')[0]));
    const half = protocol === 'UPnP' ? 1800 : 600;
    const spans = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    assert.ok(spans.length > 0 && spans.every((span) => Math.abs(span - half) <= 1), `${times}`);
  });
}

test('after a sleep a mapping is made again that has ended, and a gateway that did not answer is asked', () => {
  const { timeline, gateway, mapper, stop } = setUp();
  mapper.networkChanged();
  mapper.begin(6881);
  mapper.networkChanged();
  timeline.run(10 * SECOND);
  gateway.letsIn.clear();
  mapper.networkChanged();
  timeline.run(SECOND);
  assert.deepEqual([...gateway.letsIn], BOTH);
  assert.deepEqual(gateway.log, [
    '0 PCP tcp 6881 3600',
    '0 PCP udp 6881 3600',
    '10 PCP tcp 6881 3600',
    '10 PCP udp 6881 3600',
  ]);
  gateway.options = { ...gateway.options, speaks: [] };
  mapper.networkChanged();
  timeline.run(MINUTE);
  assert.equal(mapper.state()[0]?.state, 'failed');
  gateway.options = { ...gateway.options, speaks: ['NAT-PMP'] };
  mapper.networkChanged();
  timeline.run(10 * SECOND);
  assert.deepEqual(mapper.state(), mapped('NAT-PMP'));
  stop();
  mapper.networkChanged();
  assert.equal(timeline.pending, 0);
});

test('a gateway that speaks all three protocols is asked by one of them', () => {
  const { timeline, gateway, mapper } = setUp();
  mapper.begin(6881);
  timeline.run(10 * SECOND);
  assert.deepEqual(gateway.log, ['0 PCP tcp 6881 3600', '0 PCP udp 6881 3600']);
});

test('a failed state names the failure of each protocol, and the gateway is asked again later', () => {
  const { timeline, gateway, mapper } = setUp({ speaks: [] });
  mapper.begin(6881);
  timeline.run(10 * SECOND);
  assert.deepEqual(mapper.state(), [
    { family: 4, state: 'failed', message: 'PCP: no answer; NAT-PMP: no answer; UPnP: no gateway answers' },
  ]);
  gateway.options = { ...gateway.options, speaks: ['PCP', 'NAT-PMP', 'UPnP'], refuses: ['tcp'] };
  timeline.run(16 * MINUTE);
  assert.deepEqual(mapper.state(), [
    {
      family: 4,
      state: 'failed',
      message: 'PCP: it is not allowed; NAT-PMP: it is not allowed; UPnP: it refuses (718)',
    },
  ]);
  gateway.options = { ...gateway.options, refuses: [] };
  timeline.run(16 * MINUTE);
  assert.deepEqual(mapper.state(), mapped('PCP'));
});

test('a gateway that lets in TCP but not UDP counts as mapped', () => {
  const { timeline, mapper } = setUp({ refuses: ['udp'] });
  mapper.begin(6881);
  timeline.run(SECOND);
  assert.deepEqual(mapper.state(), [{ ...mapped('PCP')[0], udp: false }]);
});

test('a mapping to another external port is removed and counts as a failure', () => {
  const { timeline, gateway, mapper } = setUp({ speaks: ['PCP'], externalPort: () => 40_000 });
  mapper.begin(6881);
  timeline.run(10 * SECOND);
  assert.deepEqual([...gateway.letsIn], []);
  const [state] = mapper.state();
  assert.match(state?.state === 'failed' ? state.message : '', /^PCP: it gives port 40000 instead of 6881; /);
});

test('a gateway of UPnP that makes only permanent mappings is asked for one', () => {
  const { timeline, gateway, mapper, stop } = setUp({ speaks: ['UPnP'], onlyPermanent: true });
  mapper.begin(6881);
  timeline.run(10 * SECOND);
  assert.deepEqual(mapper.state(), mapped('UPnP'));
  stop();
  assert.deepEqual([...gateway.letsIn], []);
});

test('a gateway that grants no time is not asked more than once a minute', () => {
  const { timeline, gateway, mapper } = setUp({ maxLifetime: 1 });
  mapper.begin(6881);
  timeline.run(10 * MINUTE);
  assert.ok(gateway.log.length <= 22, `${gateway.log.length}`);
});

test('a gateway that changes its protocol is asked by the new one', () => {
  const { timeline, gateway, mapper } = setUp({ maxLifetime: 600 });
  mapper.begin(6881);
  timeline.run(SECOND);
  gateway.options = { ...gateway.options, speaks: ['UPnP'] };
  timeline.run(6 * MINUTE);
  assert.deepEqual(mapper.state(), mapped('UPnP'));
});

test('after a move to another network its gateway is asked, and in a network without a gateway none is', () => {
  const { timeline, network, mapper, places } = setUp();
  const other = new SimulatedGateway(network.host('192.168.2.1'));
  mapper.begin(6881);
  timeline.run(SECOND);
  places[0] = { family: 4, gateway: '192.168.2.1', local: '192.168.2.2' };
  timeline.run(MINUTE);
  assert.deepEqual([...other.letsIn], BOTH);
  places.length = 0;
  timeline.run(MINUTE);
  assert.deepEqual(mapper.state(), []);
  assert.deepEqual([...other.letsIn], []);
});

test('stopping waits for a gateway at most a second, whatever was under way', () => {
  for (const span of [0, 1, 3, 500, 2000, 4000, 5000, 20_000]) {
    const { timeline, mapper, stop } = setUp({ speaks: [] });
    mapper.begin(6881);
    timeline.run(span);
    assert.ok(stop() <= 1000, `after ${span} ms`);
  }
});

test('a client that is bound to loopback sends nothing to a gateway', () => {
  const { timeline, gateway, mapper } = setUp({}, { ipv4: '127.0.0.1' });
  mapper.begin(6881);
  timeline.run(MINUTE);
  assert.deepEqual(gateway.log, []);
  assert.equal(mapper.state()[0]?.state, 'failed');
});

test('answers of hosts other than the gateway are ignored', () => {
  const { timeline, network, gateway, mapper } = setUp({ speaks: [] });
  let answers = 0;
  network.host('192.168.1.66').openDatagram({ family: 4, port: 5351 }, gateway, (outcome) => {
    if (!outcome.ok) throw new Error(outcome.code);
    const liar = outcome.socket;
    gateway.datagramCameIn = (_, data, from) => {
      if (data[0] !== 0) return;
      answers += 1;
      const isAddress = data[1] === 0;
      liar.send(Buffer.from(isAddress ? '0080000000000001cb007105' : '00820000000000011ae11ae100000e10', 'hex'), from);
    };
  });
  mapper.begin(6881);
  timeline.run(10 * SECOND);
  assert.equal(mapper.state()[0]?.state, 'failed');
  assert.equal(answers, 3);
});

test('a gateway of UPnP whose control URL changes when it restarts is found again', () => {
  const { timeline, gateway, mapper } = setUp({ speaks: ['UPnP'] });
  mapper.begin(6881);
  timeline.run(10 * SECOND);
  gateway.letsIn.clear();
  gateway.options = { ...gateway.options, controlPath: '/elsewhere' };
  timeline.run(35 * MINUTE);
  assert.deepEqual([...gateway.letsIn], BOTH);
  assert.deepEqual(mapper.state(), mapped('UPnP'));
});
