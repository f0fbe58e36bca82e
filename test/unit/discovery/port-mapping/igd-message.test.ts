import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  addPortMapping,
  decodeExternalAddress,
  decodeIgdDescription,
  decodeIgdError,
  deletePortMapping,
  encodeAction,
} from '../../../../src/discovery/port-mapping/igd-message.js';
import { elementsNamed, parseXml, textOf, type XmlElement } from '../../../../src/discovery/port-mapping/xml.js';

const GATEWAY = '192.168.1.1';
const LOCATION = new URL(`http://${GATEWAY}:5000/root/desc.xml`);
const IP1 = 'urn:schemas-upnp-org:service:WANIPConnection:1';

const service = (type: string, control: string): string =>
  `<service><serviceType>${type}</serviceType><controlURL>${control}</controlURL></service>`;
const description = (services: string, more = ''): Buffer =>
  Buffer.from(`<?xml version="1.0"?><root xmlns="urn:x">${more}<device><deviceList><device>
    <!-- <service> --><serviceList>${services}</serviceList></device></deviceList></device></root>`);

test('the connections of a description are found in nested devices', () => {
  const body = description(
    service('urn:schemas-upnp-org:service:Layer3Forwarding:1', '/l3') +
      service(IP1, '/ctl?a=1&amp;b=2') +
      service(IP1, 'ctl'),
  );
  assert.deepEqual(decodeIgdDescription(body, LOCATION, GATEWAY), [
    { type: IP1, controlUrl: 'http://192.168.1.1:5000/ctl?a=1&b=2' },
    { type: IP1, controlUrl: 'http://192.168.1.1:5000/root/ctl' },
  ]);
});

test('a base URL is used only at the same host, and a control URL at another host is ignored', () => {
  const own = description(service(IP1, 'ctl'), '<URLBase>http://192.168.1.1:80/x/</URLBase>');
  assert.equal(decodeIgdDescription(own, LOCATION, GATEWAY)[0]?.controlUrl, 'http://192.168.1.1/x/ctl');
  const foreign = description(service(IP1, 'ctl'), '<URLBase>http://10.0.0.1/</URLBase>');
  assert.equal(decodeIgdDescription(foreign, LOCATION, GATEWAY)[0]?.controlUrl, 'http://192.168.1.1:5000/root/ctl');
  const away = description(service(IP1, 'http://169.254.169.254/ctl'));
  assert.deepEqual(decodeIgdDescription(away, LOCATION, GATEWAY), []);
});

test('at most four connections of a description are used', () => {
  assert.equal(decodeIgdDescription(description(service(IP1, '/c').repeat(200)), LOCATION, GATEWAY).length, 4);
});

test('a document with a document type, or without well-formed elements, is refused', () => {
  const bomb = `<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><root>&b;</root>`;
  for (const text of [bomb, '<a>', '<a></b>', '</a>', '<a/><b/>', 'text', '', '<a', '<a><!-- ', '<!DOCTYPE a><a/>'])
    assert.equal(parseXml(text), undefined, text);
});

test('a document with elements too deep or too many is refused', () => {
  assert.equal(parseXml('<a>'.repeat(100_000)), undefined);
  assert.equal(parseXml(`<a>${'<b/>'.repeat(1_001)}</a>`), undefined);
  assert.notEqual(parseXml(`<a>${'<b/>'.repeat(900)}</a>`), undefined);
});

test('text, entities, comments and CDATA are read as XML defines them', () => {
  const root = parseXml(`<?xml version="1.0"?><!-- a --><s:a x="y"> 1 &lt;&amp;lt; <![CDATA[<b>]]><c/>&a; </s:a>`);
  assert.deepEqual(root, { name: 'a', text: '1 <&lt; <b>&a;', children: [{ name: 'c', text: '', children: [] }] });
});

test('an action is an envelope whose values are escaped and read back the same', () => {
  const { headers, body } = encodeAction(
    { type: IP1, controlUrl: 'http://x/' },
    { name: 'AddPortMapping', arguments: { NewInternalClient: `<&>"'` } },
  );
  assert.equal(headers['SOAPAction'], `"${IP1}#AddPortMapping"`);
  const root = parseXml(body.toString());
  assert.equal(root?.name, 'Envelope');
  assert.equal(
    textOf(elementsNamed(root as XmlElement, 'AddPortMapping')[0] as XmlElement, 'NewInternalClient'),
    `<&>"'`,
  );
});

test('the arguments of an action have the order of the standard', () => {
  assert.deepEqual(Object.entries(addPortMapping('udp', 6881, '192.168.1.2', 3600).arguments), [
    ['NewRemoteHost', ''],
    ['NewExternalPort', 6881],
    ['NewProtocol', 'UDP'],
    ['NewInternalPort', 6881],
    ['NewInternalClient', '192.168.1.2'],
    ['NewEnabled', 1],
    ['NewPortMappingDescription', 'btget udp 6881'],
    ['NewLeaseDuration', 3600],
  ]);
  assert.deepEqual(Object.keys(deletePortMapping('tcp', 1).arguments), [
    'NewRemoteHost',
    'NewExternalPort',
    'NewProtocol',
  ]);
});

test('the external address and the error are read from their envelopes', () => {
  const envelope = (inner: string): Buffer => Buffer.from(`<s:Envelope><s:Body>${inner}</s:Body></s:Envelope>`);
  const address = (text: string) =>
    decodeExternalAddress(envelope(`<u:R><NewExternalIPAddress>${text}</NewExternalIPAddress></u:R>`));
  assert.equal(address(' 203.0.113.5 '), '203.0.113.5');
  for (const none of ['', 'nonsense', '1.2.3']) assert.equal(address(none), null);
  const fault =
    '<s:Fault><detail><UPnPError><errorCode>718</errorCode><errorDescription>taken</errorDescription></UPnPError></detail></s:Fault>';
  assert.deepEqual(decodeIgdError(envelope(fault)), { code: 718, description: 'taken' });
  assert.equal(decodeIgdError(envelope(fault.replace('718', 'x'))), undefined);
  assert.equal(decodeIgdError(envelope(fault.replace('taken', 'no'.repeat(10_000))))?.description.length, 200);
  assert.equal(decodeIgdError(Buffer.from('500 oops')), undefined);
});

test('no answer of a gateway makes decoding throw', () => {
  const part = fc.constantFrom(
    '<a>',
    '</a>',
    '<a/>',
    '<!--',
    '-->',
    '<![CDATA[',
    ']]>',
    '&amp;',
    '&',
    '<',
    '>',
    '<?',
    '?>',
    'x',
    ' ',
  );
  const text = fc.oneof(
    fc.string(),
    fc.array(part, { maxLength: 60 }).map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(text, (each) => {
      const body = Buffer.from(each);
      decodeIgdDescription(body, LOCATION, GATEWAY);
      decodeExternalAddress(body);
      decodeIgdError(body);
    }),
  );
});
