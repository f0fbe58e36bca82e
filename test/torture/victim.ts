/** One btget that downloads, and may be killed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, type FSWatcher, mkdirSync, watch } from 'node:fs';
import { join } from 'node:path';
import { BTGET } from '../support/btget-process.js';
import type { Heard, Hearing, Onlooker } from './onlooker.js';
import type { Place } from './place.js';

/** All that run now, so that whoever ends the torture can end them. */
export const living = new Set<ChildProcess>();

/** When it is killed. */
export type Moment =
  /** So long after it was started: while it starts, checks, or downloads. Milliseconds. */
  | { readonly kind: 'time'; readonly after: number }
  /** When a journal is being written anew. */
  | { readonly kind: 'rewrite' }
  /** When the file of this number, in the order of their coming, gets its name. */
  | { readonly kind: 'name'; readonly nth: number }
  /** When so few pieces are left. */
  | { readonly kind: 'finish'; readonly left: number };

export interface Outcome {
  /** By `performance.now`; null: it came to its end before. */
  readonly killedAt: number | null;
  readonly exitCode: number | null;
  readonly heard: Heard;
  /** Bytes that it hashed before it began. */
  readonly hashed: number;
  readonly output: string;
}

export interface VictimParts {
  readonly place: Place;
  readonly dir: string;
  readonly onlooker: Onlooker;
  /** More arguments. */
  readonly args: readonly string[];
}

/** Runs until the moment or the end. */
export async function runVictim(parts: VictimParts, moment: Moment | null): Promise<Outcome> {
  const { place, dir, onlooker, args } = parts;
  mkdirSync(dir, { recursive: true });
  const hearing = onlooker.listen();
  const child = spawn(process.execPath, [
    BTGET,
    'download',
    place.torrent,
    '-d',
    dir,
    '--bind',
    '127.0.0.1',
    '--port',
    '0',
    '--tracker',
    hearing.tracker,
    '--peer',
    onlooker.address,
    '--json',
    ...args,
  ]);
  living.add(child);
  const ended = once(child, 'close');
  let killedAt: number | null = null;
  const kill = (): void => {
    if (killedAt !== null || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    killedAt = performance.now();
  };
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const stop = moment === null ? (): void => undefined : killAt(moment, parts, hearing, kill);
  await ended;
  living.delete(child);
  stop();
  if (child.signalCode === null) killedAt = null;
  const events = output.split('\n').filter((line) => line.startsWith('{') && line.endsWith('}'));
  const checks = events.map((line) => JSON.parse(line)).filter(({ type }) => type === 'checking');
  return {
    killedAt,
    exitCode: child.exitCode,
    heard: hearing.heard(),
    hashed: Math.max(0, ...checks.map(({ length }) => Number(length))),
    output: output + errors,
  };
}

/** Calls `kill` at the moment; returns what ends the waiting for it. */
function killAt(moment: Moment, { place, dir }: VictimParts, hearing: Hearing, kill: () => void): () => void {
  if (moment.kind === 'time') {
    const timer = setTimeout(kill, moment.after);
    return () => clearTimeout(timer);
  }
  if (moment.kind === 'finish') {
    const timer = setInterval(() => {
      const { atStart, since } = hearing.heard();
      const have = (atStart?.size ?? 0) + since.size;
      if (place.metainfo.pieceCount - have <= moment.left) kill();
    }, 1);
    return () => clearInterval(timer);
  }
  let named = 0;
  const watchers: FSWatcher[] = [];
  const data = join(dir, place.metainfo.name);
  for (const folder of [dir, data]) {
    if (folder === data && place.metainfo.isFolder) mkdirSync(data, { recursive: true });
    if (folder === data && (!place.metainfo.isFolder || !existsSync(data))) continue;
    const watcher = watch(folder, (_event, name) => {
      if (name === null) return;
      if (moment.kind === 'rewrite' && name.endsWith('.btget.new')) kill();
      if (moment.kind === 'name' && place.isFinalName(name) && existsSync(join(folder, name))) {
        named += 1;
        if (named >= moment.nth) kill();
      }
    });
    watchers.push(watcher);
  }
  return () => {
    for (const watcher of watchers) watcher.close();
  };
}
