/** The description of an Internet gateway device (UPnP IGD 1 and 2), and the actions of its connections (SOAP 1.1). */
import { normaliseHost } from '../../net/ip-address.js';
import type { Transport } from './mapping-protocol.js';
import { gatewayUrl } from './ssdp-search.js';
import { elementsNamed, escapeXml, parseXml, textOf, type XmlElement } from './xml.js';

/** A connection of the gateway to the world. */
export interface IgdService {
  /** Its UPnP service type, a URN. */
  readonly type: string;
  /** The URL to which actions are posted. */
  readonly controlUrl: string;
}

/** An action for a service. The order of `arguments` counts. */
export interface IgdAction {
  readonly name: string;
  readonly arguments: Readonly<Record<string, string | number>>;
}

/** How many connections of one gateway we use at most. */
const MAX_SERVICES = 4;
/** How many characters of an error description we show at most. */
const MAX_DESCRIPTION_LENGTH = 200;
const SERVICE_TYPE = /^urn:schemas-upnp-org:service:WAN(?:IP|PPP)Connection:[12]$/;

/**
 * The connections in the description that `host` gave at `location`, in the order of the description. Empty when `body`
 * is no XML or describes none. All control URLs are at `host`.
 */
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

/** The gateway shall let packets in from every remote host. */
const ANY_REMOTE_HOST = { NewRemoteHost: '' };

/** `client` is our own address. `lifetime` is in seconds; 0 makes the mapping permanent. */
export function addPortMapping(transport: Transport, port: number, client: string, lifetime: number): IgdAction {
  return {
    name: 'AddPortMapping',
    arguments: {
      ...ANY_REMOTE_HOST,
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

/** Takes back what `addPortMapping` made at this port. */
export function deletePortMapping(transport: Transport, port: number): IgdAction {
  return {
    name: 'DeletePortMapping',
    arguments: { ...ANY_REMOTE_HOST, NewExternalPort: port, NewProtocol: transport.toUpperCase() },
  };
}

export const GET_EXTERNAL_ADDRESS: IgdAction = { name: 'GetExternalIPAddress', arguments: {} };

/** The request that the caller posts to the control URL of `service`. */
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

/** The external address in an answer, as a canonical IP literal. Null when the answer has none. */
export function decodeExternalAddress(body: Buffer): string | null {
  const text = firstText(body, 'NewExternalIPAddress');
  return (text && normaliseHost(text)) || null;
}

export interface IgdError {
  /** The error code of UPnP, such as 718 (another host has that port) or 725 (only permanent leases). */
  readonly code: number;
  readonly description: string;
}

/** The error in an answer with HTTP status 500. Undefined when the answer has none. */
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
