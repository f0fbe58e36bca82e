import type { HttpFetchOutcome } from '../../../src/discovery/http/http-fetch.js';
import type { AskGateway } from '../../../src/discovery/port-mapping/upnp.js';
import type { DatagramHandler, DatagramSocket, PeerAddress } from '../../../src/net/raw-server.js';
import type { SimulatedHost } from './simulated-host.js';

export interface GatewayOptions {
  readonly speaks: readonly ('PCP' | 'NAT-PMP' | 'UPnP')[];
  /** The external port that it gives for our port. */
  readonly externalPort: (port: number) => number;
  /** The longest lifetime that it grants, in seconds. */
  readonly maxLifetime: number;
  /** By UPnP it makes only permanent mappings. */
  readonly onlyPermanent: boolean;
  /** The path of the control URL of UPnP. */
  readonly controlPath: string;
  /** The transports that it does not let in. */
  readonly refuses: readonly ('tcp' | 'udp')[];
}

const PCP_PORT = 5351;
const SSDP_PORT = 1900;
const GROUP = '239.255.255.250';
const EXTERNAL = Buffer.from([203, 0, 113, 5]);
const TRANSPORTS: Readonly<Record<number, 'tcp' | 'udp'>> = { 6: 'tcp', 17: 'udp' };

/** The gateway of a home in the simulated network. */
export class SimulatedGateway implements DatagramHandler {
  /** Each request for a mapping: the second, the protocol, the transport, the port and the lifetime. */
  readonly log: string[] = [];
  /** What it lets in now, such as `tcp 6881`. */
  readonly letsIn = new Set<string>();
  options: GatewayOptions;
  readonly #host: SimulatedHost;
  readonly #address: string;
  #ssdp: DatagramSocket | undefined;

  constructor(host: SimulatedHost, options: Partial<GatewayOptions> = {}) {
    this.#host = host;
    this.#address = host.addresses[0] ?? '';
    this.options = {
      speaks: ['PCP', 'NAT-PMP', 'UPnP'],
      externalPort: (port) => port,
      maxLifetime: 7200,
      onlyPermanent: false,
      controlPath: '/ctl',
      refuses: [],
      ...options,
    };
    host.openDatagram({ family: 4, port: PCP_PORT }, this, () => undefined);
    host.openDatagram({ family: 4, port: SSDP_PORT, group: GROUP }, this, () => undefined);
    // The answer to a search comes from the address of the gateway, not from that of the group.
    host.openDatagram({ family: 4, port: SSDP_PORT }, this, (outcome) => {
      if (outcome.ok) this.#ssdp = outcome.socket;
    });
  }

  datagramCameIn(socket: DatagramSocket, data: Buffer, from: PeerAddress): void {
    const speaks = (name: GatewayOptions['speaks'][number]) => this.options.speaks.includes(name);
    if (socket.local.port === SSDP_PORT) {
      if (speaks('UPnP') && data.includes('InternetGatewayDevice:1')) this.#ssdp?.send(this.#found(), from);
    } else if (data[0] === 2 && speaks('PCP')) socket.send(this.#pcp(Buffer.from(data)), from);
    else if (data[0] === 2 && speaks('NAT-PMP')) socket.send(Buffer.from('0081000100000010', 'hex'), from);
    else if (data[0] === 0 && speaks('NAT-PMP')) socket.send(this.#natPmp(Buffer.from(data)), from);
  }

  sendFailed(): void {
    throw new Error('a gateway that cannot answer');
  }

  /** Asks its HTTP server, as a host in its network does. */
  readonly ask: AskGateway = (url, post, answered) => {
    const task = this.#host.addTask(() => answered(this.#http(url, post?.body.toString())), 1);
    return { cancel: () => task.cancel() };
  };

  #pcp(answer: Buffer): Buffer {
    const transport = TRANSPORTS[answer.readUInt8(36)] ?? 'tcp';
    const port = answer.readUInt16BE(40);
    const lifetime = answer.readUInt32BE(4);
    const isRefused = !this.#told('PCP', transport, port, lifetime);
    answer[1] = 0x81;
    answer[3] = isRefused ? 2 : 0;
    answer.writeUInt32BE(Math.min(lifetime, this.options.maxLifetime), 4);
    answer.writeUInt16BE(this.options.externalPort(port), 42);
    Buffer.concat([Buffer.from('00000000000000000000ffff', 'hex'), EXTERNAL]).copy(answer, 44);
    return answer;
  }

  #natPmp(request: Buffer): Buffer {
    const opcode = request.readUInt8(1);
    const answer = Buffer.alloc(opcode === 0 ? 12 : 16);
    answer[1] = 128 + opcode;
    if (opcode === 0) EXTERNAL.copy(answer, 8);
    else {
      const [port, lifetime] = [request.readUInt16BE(4), request.readUInt32BE(8)];
      answer.writeUInt16BE(this.#told('NAT-PMP', opcode === 2 ? 'tcp' : 'udp', port, lifetime) ? 0 : 2, 2);
      answer.writeUInt16BE(port, 8);
      answer.writeUInt16BE(this.options.externalPort(port), 10);
      answer.writeUInt32BE(Math.min(lifetime, this.options.maxLifetime), 12);
    }
    return answer;
  }

  #found(): Buffer {
    const type = 'urn:schemas-upnp-org:device:InternetGatewayDevice:1';
    return Buffer.from(`HTTP/1.1 200 OK\r\nST: ${type}\r\nLOCATION: http://${this.#address}:80/d.xml\r\n\r\n`);
  }

  #http(url: string, body: string | undefined): HttpFetchOutcome {
    if (body === undefined) {
      const type = 'urn:schemas-upnp-org:service:WANIPConnection:1';
      const service = `<service><serviceType>${type}</serviceType><controlURL>${this.options.controlPath}</controlURL></service>`;
      return { ok: true, from: '10.0.0.1', body: Buffer.from(`<root><serviceList>${service}</serviceList></root>`) };
    }
    if (new URL(url).pathname !== this.options.controlPath) {
      return {
        ok: false,
        code: 'status',
        status: 404,
        message: 'HTTP status 404',
        body: Buffer.alloc(0),
        retryAfter: null,
      };
    }
    const field = (name: string) => new RegExp(`<${name}>([^<]*)<`).exec(body)?.[1] ?? '';
    const [transport, port] = [
      field('NewProtocol') === 'TCP' ? 'tcp' : 'udp',
      Number(field('NewExternalPort')),
    ] as const;
    const lifetime = Number(field('NewLeaseDuration'));
    if (body.includes('GetExternalIPAddress')) return xml('<NewExternalIPAddress>203.0.113.5</NewExternalIPAddress>');
    if (body.includes('DeletePortMapping')) this.#told('UPnP', transport, port, 0);
    else if (this.options.onlyPermanent && lifetime !== 0) return upnpError(725);
    else if (!this.#told('UPnP', transport, port, lifetime || Number.POSITIVE_INFINITY)) return upnpError(718);
    return xml('');
  }

  #told(protocol: string, transport: 'tcp' | 'udp', port: number, lifetime: number): boolean {
    this.log.push(`${Math.floor(this.#host.now() / 1000)} ${protocol} ${transport} ${port} ${lifetime}`);
    if (this.options.refuses.includes(transport) && lifetime > 0) return false;
    if (lifetime > 0) this.letsIn.add(`${transport} ${port}`);
    else this.letsIn.delete(`${transport} ${port}`);
    return true;
  }
}

function xml(inner: string): HttpFetchOutcome {
  return { ok: true, from: '10.0.0.1', body: Buffer.from(`<Envelope><Body>${inner}</Body></Envelope>`) };
}

function upnpError(code: number): HttpFetchOutcome {
  const error = `<UPnPError><errorCode>${code}</errorCode></UPnPError>`;
  const body = Buffer.from(`<Envelope><Body>${error}</Body></Envelope>`);
  return { ok: false, code: 'status', status: 500, message: 'HTTP status 500', body, retryAfter: null };
}
