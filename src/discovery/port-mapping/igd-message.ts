/** An Internet gateway's description (UPnP IGD 1 and 2), and the actions of its connection (SOAP 1.1). */
import { normaliseHost } from '../../net/ip-address.js';
import type { Transport } from './mapping-protocol.js';
import { gatewayUrl } from './ssdp-search.js';
import { elementsNamed, escapeXml, parseXml, textOf, type XmlElement } from './xml.js';

/** A connection to the world, and where it takes orders. */
export interface IgdService {
  readonly type: string;
  readonly controlUrl: string;
}

export interface IgdAction {
  readonly name: string;
  readonly arguments: Readonly<Record<string, string | number>>;
}

/** Gateways with several connections to the world are asked for these at the most. */
const MAX_SERVICES = 4;
/** Characters of a gateway's reason that are worth a line. */
const MAX_DESCRIPTION_LENGTH = 200;
const SERVICE_TYPE = /^urn:schemas-upnp-org:service:WAN(?:IP|PPP)Connection:[12]$/;

/** The connections in the description that `host` gave at `location`, in their order. */
export function decodeIgdDescription(body: Buffer, location: URL, host: string): readonly IgdService[] {
  const root = parseXml(body.toString('utf8'));
  if (root === undefined) return [];
  const base = gatewayUrl(textOf(root, 'URLBase') ?? location.href, host) ?? location;
  const services: IgdService[] = [];
  for (const service of elementsNamed(root, 'service')) {
    const type = textOf(service, 'serviceType') ?? '';
    const url = gatewayUrl(textOf(service, 'controlURL') ?? '', host, base);
    if (SERVICE_TYPE.test(type) && url !== undefined) services.push({ type, controlUrl: url.href });
  }
  return services.slice(0, MAX_SERVICES);
}

const REMOTE_HOST_IS_ANYBODY = { NewRemoteHost: '' };

/** `lifetime` in seconds; 0 for ever. */
export function addPortMapping(transport: Transport, port: number, client: string, lifetime: number): IgdAction {
  return {
    name: 'AddPortMapping',
    arguments: {
      ...REMOTE_HOST_IS_ANYBODY,
      NewExternalPort: port,
      NewProtocol: transport.toUpperCase(),
      NewInternalPort: port,
      NewInternalClient: client,
      NewEnabled: 1,
      NewPortMappingDescription: `btget ${transport} ${port}`,
      NewLeaseDuration: lifetime,
    },
  };
}

export function deletePortMapping(transport: Transport, port: number): IgdAction {
  return {
    name: 'DeletePortMapping',
    arguments: { ...REMOTE_HOST_IS_ANYBODY, NewExternalPort: port, NewProtocol: transport.toUpperCase() },
  };
}

export const GET_EXTERNAL_ADDRESS: IgdAction = { name: 'GetExternalIPAddress', arguments: {} };

/** What is posted to `service`, and its headers. */
export function encodeAction(
  service: IgdService,
  { name, arguments: given }: IgdAction,
): { readonly headers: Readonly<Record<string, string>>; readonly body: Buffer } {
  const inner = Object.entries(given)
    .map(([key, value]) => `<${key}>${escapeXml(String(value))}</${key}>`)
    .join('');
  const body = `<?xml version="1.0"?>\r
<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" \
s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/">\
<s:Body><u:${name} xmlns:u="${service.type}">${inner}</u:${name}></s:Body></s:Envelope>\r\n`;
  return {
    headers: { 'Content-Type': 'text/xml; charset="utf-8"', SOAPAction: `"${service.type}#${name}"` },
    body: Buffer.from(body),
  };
}

/** The external address in an answer, or null when there is none in it. */
export function decodeExternalAddress(body: Buffer): string | null {
  const text = firstText(body, 'NewExternalIPAddress');
  return (text && normaliseHost(text)) || null;
}

export interface IgdError {
  /** UPnP's number, such as 718 (somebody else has that port) or 725 (only permanent leases). */
  readonly code: number;
  readonly description: string;
}

/** The error in an answer with HTTP status 500; undefined when there is none in it. */
export function decodeIgdError(body: Buffer): IgdError | undefined {
  const error = firstElement(body, 'UPnPError');
  const code = error === undefined ? undefined : textOf(error, 'errorCode');
  if (error === undefined || code === undefined || !/^\d{1,5}$/.test(code)) return undefined;
  return {
    code: Number(code),
    description: (textOf(error, 'errorDescription') ?? '').slice(0, MAX_DESCRIPTION_LENGTH),
  };
}

function firstText(body: Buffer, name: string): string | undefined {
  return firstElement(body, name)?.text;
}

function firstElement(body: Buffer, name: string): XmlElement | undefined {
  const root = parseXml(body.toString('utf8'));
  return root === undefined ? undefined : elementsNamed(root, name)[0];
}
