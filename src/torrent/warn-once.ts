const MAX_WARNINGS = 20;

/** Tells each warning once and not many of them: peers may ask a hundred times for what the disk does not give. */
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
