/** What a power cut leaves of a file system. */
import { type Random, shuffle } from '../../../src/base/random.js';
import {
  cutTo,
  type DiskEvent,
  type FileImage,
  type NodeImage,
  type PowerImage,
  ROOT,
  writtenTo,
} from './power-disk.js';

/**
 * What becomes of everything that was not flushed:
 *
 * - `kept`: nothing is lost, as after a kill.
 * - `lost`: all of it is lost.
 * - `journaled`: names are kept up to some moment, in the order in which they came, over all folders, as file systems
 *   with a journal keep them. Each write of bytes has its own fate: it is kept, lost, torn at sectors, or lost except
 *   for the length that it gave the file.
 * - `anyhow`: each name is kept or lost as well, in any order within its folder, and a file may have an older date than
 *   its bytes.
 */
export const LOSSES = ['kept', 'lost', 'journaled', 'anyhow'] as const;
export type Loss = (typeof LOSSES)[number];

const SECTORS = [512, 4096];
/**
 * How long until the next start, in nanoseconds. It is less than the minute for which a lock is believed when nothing
 * is known of its process.
 */
const REBOOT = 10_000_000_000n;

type Named = Extract<DiskEvent, { kind: 'named' }>;
type Changed = Extract<DiskEvent, { kind: 'written' | 'cut' }>;

/** What is left of `start` when the power goes after the first `count` of `events`. */
export function cutPower(
  start: PowerImage,
  events: readonly DiskEvent[],
  count: number,
  loss: Loss,
  random: Random,
): PowerImage {
  const before = events.slice(0, count);
  /** By key: events before this index are on the disk for good. */
  const flushedTo = new Map<number, number>();
  for (const event of before)
    if (event.kind === 'flushed') flushedTo.set(event.key, Math.max(event.upTo, flushedTo.get(event.key) ?? 0));
  const isFlushed = (event: DiskEvent, index: number): boolean => index < (flushedTo.get(event.key) ?? 0);

  const nodes = new Map<number, NodeImage>(start.nodes);
  const changes = new Map<number, { flushed: Changed[]; others: Changed[] }>();
  const names: Named[] = [];
  const otherNames: Named[] = [];
  for (const [index, event] of before.entries()) {
    if (event.kind === 'made') nodes.set(event.key, event.node);
    else if (event.kind === 'named') (isFlushed(event, index) ? names : otherNames).push(event);
    else if (event.kind !== 'flushed') {
      let of = changes.get(event.key);
      if (of === undefined) {
        of = { flushed: [], others: [] };
        changes.set(event.key, of);
      }
      (isFlushed(event, index) ? of.flushed : of.others).push(event);
    }
  }
  for (const [key, { flushed, others }] of changes) {
    const file = nodes.get(key);
    if (file?.kind === 'file') nodes.set(key, leftOf(file, flushed, others, loss, random));
  }
  nameNodes(nodes, [...names, ...keptNames(otherNames, loss, random)]);
  return { at: (before.at(-1)?.at ?? start.at) + REBOOT, nodes: reachable(nodes) };
}

function leftOf(
  file: FileImage,
  flushed: readonly Changed[],
  others: readonly Changed[],
  loss: Loss,
  random: Random,
): FileImage {
  let bytes: Buffer = Buffer.from(file.bytes);
  let { changedAt } = file;
  const apply = (change: Changed): void => {
    bytes = change.kind === 'cut' ? cutTo(bytes, change.length) : writtenTo(bytes, change.begin, change.bytes);
    if (change.at > changedAt) changedAt = change.at;
  };
  for (const change of flushed) apply(change);
  if (loss === 'kept') for (const change of others) apply(change);
  else if (loss !== 'lost') {
    for (const change of shuffle(random, [...others])) for (const kept of keptOf(change, random)) apply(kept);
    // fdatasync need not write the date of a change, and the last date may reach the disk before the bytes.
    const ages = [file.changedAt, ...[...flushed, ...others].map(({ at }) => at)];
    if (loss === 'anyhow') changedAt = ages[random.below(ages.length)] as bigint;
  }
  return { ...file, bytes, changedAt };
}

function* keptOf(change: Changed, random: Random): Generator<Changed> {
  const fate = random.below(4);
  if (fate === 0) return;
  if (fate === 1 || change.kind === 'cut') {
    yield change;
    return;
  }
  const { begin, bytes } = change;
  // The length reached the disk without the bytes: they are zeros, or what lay there before. Then come the sectors that
  // did.
  yield { kind: 'written', key: change.key, at: change.at, begin: begin + bytes.length, bytes: Buffer.alloc(0) };
  if (fate === 2) return;
  const sector = SECTORS[random.below(SECTORS.length)] as number;
  for (let at = begin; at < begin + bytes.length; ) {
    const end = Math.min(begin + bytes.length, at - (at % sector) + sector);
    if (random.below(2) === 0) yield { ...change, begin: at, bytes: bytes.subarray(at - begin, end - begin) };
    at = end;
  }
}

function keptNames(names: readonly Named[], loss: Loss, random: Random): readonly Named[] {
  if (loss === 'kept') return names;
  if (loss === 'lost') return [];
  if (loss === 'journaled') return names.slice(0, random.below(names.length + 1));
  return shuffle(
    random,
    names.filter(() => random.below(2) === 0),
  );
}

function nameNodes(nodes: Map<number, NodeImage>, names: readonly Named[]): void {
  for (const { key, name, node, from } of names) {
    const folder = nodes.get(key);
    if (folder?.kind !== 'folder') throw new Error(`${key} is no folder`);
    const entries = new Map(folder.entries);
    if (from !== null && entries.get(from) === node) entries.delete(from);
    if (node === null) entries.delete(name);
    else entries.set(name, node);
    nodes.set(key, { ...folder, entries });
  }
}

function reachable(nodes: ReadonlyMap<number, NodeImage>): Map<number, NodeImage> {
  const found = new Map<number, NodeImage>();
  const look = (key: number): void => {
    const node = nodes.get(key);
    if (node === undefined || found.has(key)) return;
    found.set(key, node);
    if (node.kind === 'folder') for (const inner of node.entries.values()) look(inner);
  };
  look(ROOT);
  return found;
}
