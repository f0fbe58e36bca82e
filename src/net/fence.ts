/**
 * The fence of `--bind`: every socket uses the bound address or is not opened at all. Pure, so that whoever opens a
 * socket (the loop, a tracker client) asks the same question.
 */
import { type IpAddress, isLoopback, parseIp } from './ip-address.js';

/** IP literals that every socket is bound to. At least one of them is there. */
export interface BindAddresses {
  readonly ipv4?: string;
  readonly ipv6?: string;
}

export type Passage =
  /** `host` in its one spelling; `localAddress` is what the socket must be bound to, undefined without a fence. */
  | { readonly code: 'pass'; readonly host: string; readonly localAddress: string | undefined }
  | { readonly code: 'forbidden' }
  | { readonly code: 'not-an-address' };

/** Whether a packet may be sent to `host`, an IP literal, and from where. */
export function passFence(bind: BindAddresses | null, host: string): Passage {
  const address = parseIp(host);
  if (address === undefined) return { code: 'not-an-address' };
  if (bind === null) return { code: 'pass', host: address.text, localAddress: undefined };
  const local = boundAddress(bind, address);
  if (local === undefined || (isLoopback(local) && !isLoopback(address))) return { code: 'forbidden' };
  return { code: 'pass', host: address.text, localAddress: local.text };
}

/** The bound address of the family of `address`, or undefined when that family is fenced off. */
export function boundAddress(bind: BindAddresses, address: IpAddress): IpAddress | undefined {
  const bound = address.family === 4 ? bind.ipv4 : bind.ipv6;
  if (bound === undefined) return undefined;
  const local = parseIp(bound);
  // A mapped address in the place of an IPv6 one would bind nothing of that family.
  if (local === undefined || local.family !== address.family) throw new RangeError(`cannot be bound to: ${bound}`);
  return local;
}

/** Where to listen: undefined stands for every address. */
export type ListenPlace =
  | { readonly ok: true; readonly hosts: readonly (string | undefined)[] }
  | { readonly ok: false; readonly code: 'forbidden' | 'failed' };

/** Where a listener that asks for `host` (every address when undefined) may listen. */
export function listenPlace(bind: BindAddresses | null, host: string | undefined): ListenPlace {
  if (host === undefined) {
    if (bind === null) return { ok: true, hosts: [undefined] };
    const bound = [bind.ipv4, bind.ipv6].filter((address) => address !== undefined);
    return { ok: true, hosts: bound };
  }
  const address = parseIp(host);
  if (address === undefined) return { ok: false, code: 'failed' };
  if (bind === null) return { ok: true, hosts: [address.text] };
  const local = boundAddress(bind, address);
  // Every address of the family means the bound one: that is the only one there is behind the fence.
  if (local === undefined || (address.text !== local.text && !ANY.has(address.text))) {
    return { ok: false, code: 'forbidden' };
  }
  return { ok: true, hosts: [local.text] };
}

const ANY: ReadonlySet<string> = new Set(['0.0.0.0', '::']);
