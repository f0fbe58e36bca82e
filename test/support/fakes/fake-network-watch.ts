import type { NetworkWatch } from '../../../src/net/network-watch.js';

/** Tells of another network when the test says so. */
export class FakeNetworkWatch implements Pick<NetworkWatch, 'begin' | 'stop'> {
  readonly #stopped: () => void;
  #changed: (() => void) | null = null;

  constructor(stopped: () => void = () => undefined) {
    this.#stopped = stopped;
  }

  begin(changed: () => void): void {
    this.#changed = changed;
  }

  stop(): void {
    this.#stopped();
  }

  /** The machine has come to another network. Throws when nobody watches. */
  tell(): void {
    if (this.#changed === null) throw new Error('nobody watches the network');
    this.#changed();
  }
}
