const MAX_WARNINGS = 20;

/**
 * Passes each warning on once, and only a few in all: peers may ask a hundred times for a block that the disk lacks.
 */
export class WarnOnce {
  readonly #warned: (code: string, message: string) => void;
  readonly #told = new Set<string>();

  constructor(warned: (code: string, message: string) => void) {
    this.#warned = warned;
  }

  warn(code: string, message: string): void {
    if (this.#told.has(message) || this.#told.size >= MAX_WARNINGS) return;
    this.#told.add(message);
    this.#warned(code, message);
  }
}
