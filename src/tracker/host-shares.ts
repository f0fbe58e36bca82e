/**
 * The items that each host has of something that can run out: rows of a table, connections, calls. When it is full, its
 * user drops the oldest item of the host with the most items, so that no host can take what others need. Every step
 * takes the same time, however many items there are.
 */
export class HostShares<Item extends object> {
  /** The items of each host, the oldest first. Most hosts have one item, which needs no set. */
  readonly #items = new Map<string, Item | Set<Item>>();
  /** The hosts by their number of items. Within a number, the host that reached it first comes first. */
  readonly #hosts = new Map<number, Set<string>>();
  /** The greatest number of items that a host has. */
  #most = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  countOf(host: string): number {
    const items = this.#items.get(host);
    return items === undefined ? 0 : items instanceof Set ? items.size : 1;
  }

  /** The items of a host, the oldest first. */
  of(host: string): readonly Item[] {
    const items = this.#items.get(host);
    return items === undefined ? [] : items instanceof Set ? [...items] : [items];
  }

  /** `host` is a key of `hostKey`. `item` must not be here already. */
  add(host: string, item: Item): void {
    const items = this.#items.get(host);
    if (items instanceof Set) items.add(item);
    else this.#items.set(host, items === undefined ? item : new Set([items, item]));
    this.#size += 1;
    const count = this.countOf(host);
    this.#move(host, count - 1, count);
  }

  delete(host: string, item: Item): void {
    const items = this.#items.get(host);
    const count = this.countOf(host);
    if (items instanceof Set) {
      if (!items.delete(item)) return;
    } else if (items !== item) return;
    if (count === 1) this.#items.delete(host);
    this.#size -= 1;
    this.#move(host, count, count - 1);
  }

  /** Makes the item the youngest of its host. */
  touch(host: string, item: Item): void {
    const items = this.#items.get(host);
    if (items instanceof Set && items.delete(item)) items.add(item);
  }

  /** Undefined when the host has nothing. */
  oldestOf(host: string): Item | undefined {
    const items = this.#items.get(host);
    if (!(items instanceof Set)) return items;
    for (const item of items) return item;
    return undefined;
  }

  /** The item that gives way: the oldest of a host with the most items. Undefined when there are no items. */
  oldestOfGreediest(): Item | undefined {
    for (const host of this.#hosts.get(this.#most) ?? []) return this.oldestOf(host);
    return undefined;
  }

  /** The host had `from` items, and now has `to`. */
  #move(host: string, from: number, to: number): void {
    const former = this.#hosts.get(from);
    former?.delete(host);
    if (former?.size === 0) this.#hosts.delete(from);
    if (to > 0) {
      const hosts = this.#hosts.get(to) ?? new Set();
      hosts.add(host);
      this.#hosts.set(to, hosts);
    }
    if (to > this.#most || (from === this.#most && !this.#hosts.has(from))) this.#most = to;
  }
}
