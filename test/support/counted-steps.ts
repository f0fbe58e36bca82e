/** Measures costs as counts of steps, which are the same on every machine and under every load. */

type Methods = Record<string, (this: unknown, ...args: unknown[]) => unknown>;

/** How often `work` calls the methods `names` of `prototype`. `work` must not await. */
export function countCalls(prototype: object, names: readonly string[], work: () => void): number {
  const methods = prototype as Methods;
  const originals = names.map((name) => [name, Object.getOwnPropertyDescriptor(methods, name)] as const);
  let calls = 0;
  for (const [name, descriptor] of originals) {
    const original = descriptor?.value as Methods[string];
    Object.defineProperty(methods, name, {
      ...descriptor,
      value: function (this: unknown, ...args: unknown[]) {
        calls += 1;
        return original.apply(this, args);
      },
    });
  }
  try {
    work();
  } finally {
    for (const [name, descriptor] of originals) Object.defineProperty(methods, name, descriptor as PropertyDescriptor);
  }
  return calls;
}

/** How often `work` looks into a Map or a Set, or changes one. */
export function countLookUps(work: () => void): number {
  let inSets = 0;
  const inMaps = countCalls(Map.prototype, ['get', 'has', 'set', 'delete'], () => {
    inSets = countCalls(Set.prototype, ['has', 'add', 'delete'], work);
  });
  return inMaps + inSets;
}

/** The same bytes, with a count of those that were read one by one. Runs that are copied or compared do not count. */
export function countedBytes(bytes: Buffer): { readonly bytes: Buffer; reads(): number } {
  let reads = 0;
  const counted: Buffer = new Proxy(bytes, {
    get(target, key) {
      if (typeof key === 'string' && /^\d+$/.test(key)) {
        reads += 1;
        return target[Number(key)];
      }
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) =>
        value.apply(
          target,
          args.map((arg) => (arg === counted ? target : arg)),
        );
    },
  });
  return { bytes: counted, reads: () => reads };
}
