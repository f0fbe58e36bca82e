/**
 * What hosts have of something that can run out: rows of a table, connections, calls. When it is full, the oldest that
 * belongs to the host with the most gives way, so that no host can take what others need. Every step takes the same
 * time, however much there is.
 */
export class HostShares<Item extends object> {
  /** Of each host its items, the oldest first; most hosts have one, which needs no set. */
  readonly #items = new Map<string, Item | Set<Item>>();
  /** Hosts by how much they have: the first came there first. */
  readonly #hosts = new Map<number, Set<string>>();
  #most = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  countOf(host: string): number {
    const items = this.#items.get(host);
    return items === undefined ? 0 : items instanceof Set ? items.size : 1;
  }

  /** `host`: a key of `hostKey`. The item is none that is there. */
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

  /** The item is the youngest of its host. */
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

  /** Which is to give way: the oldest of a host that has the most. Undefined when there is nothing. */
  oldestOfGreediest(): Item | undefined {
    for (const host of this.#hosts.get(this.#most) ?? []) return this.oldestOf(host);
    return undefined;
  }

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
