import type { Millis, Timers } from '../base/clock.js';
import { hmacSha256 } from '../base/digest.js';
import type { Random } from '../base/random.js';
import { parseIp } from '../net/ip-address.js';

/** An address gets the same id for all of this time. */
const SLOT: Millis = 10_000;
/** BEP 15: "Trackers should accept the connection ID until two minutes after it has been send." */
const LIFE: Millis = 120_000;
const MAX_AGE = LIFE / SLOT;

/**
 * BEP 15's connection ids. A client that sends one back has received it at its address. So an answer that is longer
 * than its request cannot hit a host that did not ask. The tracker keeps no ids: an id is 8 bits of time, and 56 bits
 * that only the tracker can make of the time and the address. The port does not count, because gateways change it.
 */
export class ConnectionIds {
  readonly #timers: Timers;
  readonly #secret: Buffer;

  constructor(timers: Timers, random: Random) {
    this.#timers = timers;
    this.#secret = random.bytes(32);
  }

  /** The id for a client at `host`, an IP literal: 8 bytes. */
  issue(host: string): Buffer {
    return this.#idOf(host, this.#slot());
  }

  /** Whether we have issued `connectionId`, 8 bytes, to `host` within `LIFE`. */
  proves(connectionId: Buffer, host: string): boolean {
    const now = this.#slot();
    const age = (now - connectionId.readUInt8(0)) & 0xff;
    return age <= MAX_AGE && this.#idOf(host, now - age).equals(connectionId);
  }

  #slot(): number {
    return Math.floor(this.#timers.now() / SLOT);
  }

  #idOf(host: string, slot: number): Buffer {
    const address = parseIp(host);
    if (address === undefined) throw new Error(`not an address: ${host}`);
    const time = Buffer.alloc(8);
    time.writeDoubleBE(slot);
    const proof = hmacSha256(this.#secret, Buffer.concat([time, address.bytes])).subarray(0, 7);
    return Buffer.concat([Buffer.from([slot & 0xff]), proof]);
  }
}
