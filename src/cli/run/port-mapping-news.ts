import type { PortMapping } from '../../discovery/port-mapping/port-mapper.js';
import type { Output } from '../output/events.js';

/** Tells what came of asking the gateways, once, and again when it changes. */
export class PortMappingNews {
  readonly #output: Pick<Output, 'tell'>;
  /** By family, as JSON. */
  readonly #told = new Map<number, string>();

  constructor(output: Pick<Output, 'tell'>) {
    this.#output = output;
  }

  tell(mappings: readonly PortMapping[]): void {
    for (const mapping of mappings) {
      if (mapping.state === 'asking') continue;
      const text = JSON.stringify(mapping);
      if (this.#told.get(mapping.family) === text) continue;
      this.#told.set(mapping.family, text);
      this.#output.tell({ type: 'port-mapping', mapping });
    }
  }
}
