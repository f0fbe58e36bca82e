/**
 * The process under test: a session with twenty torrents. It seeds ten, and downloads ten again and again, each time into
 * an empty folder. Its parent asks for a measure by a message.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { NodeTimers } from '../../src/net/node-timers.js';
import { createNodeSession } from '../../src/session/node-session.js';
import { DEFAULT_TORRENT_OPTIONS } from '../../src/torrent/torrent-options.js';
import { contentPath, HONEST_HOSTS, SEED_PORT, type SoakTorrent, SUBJECT, soakTorrents } from './world.js';

export interface Measure {
  /** Bytes after a collection. */
  readonly heap: number;
  readonly external: number;
  readonly resident: number;
  readonly descriptors: number;
  /** Tasks that wait on timelines of ours, and timers of Node's. */
  readonly tasks: number;
  readonly timers: number;
  /** Downloads that were finished so far, and bytes that were uploaded. */
  readonly downloads: number;
  readonly uploaded: number;
  readonly refusals: Readonly<Record<string, number>>;
}

let waitingTasks = 0;
const addTask = NodeTimers.prototype.addTask;
NodeTimers.prototype.addTask = function counted(task, delay) {
  let waits = true;
  waitingTasks += 1;
  const over = (): void => {
    if (waits) waitingTasks -= 1;
    waits = false;
  };
  const asked = addTask.call(
    this,
    () => {
      over();
      task();
    },
    delay,
  );
  return {
    cancel: () => {
      over();
      asked.cancel();
    },
  };
};

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const dir = process.argv[2] as string;
const session = createNodeSession({
  bind: SUBJECT.host,
  port: { first: SUBJECT.port, last: SUBJECT.port },
  usePortMapping: false,
  maxDownload: 6 << 20,
  maxUpload: 6 << 20,
  userAgent: 'btget-soak',
  gotException: (error) => {
    throw error;
  },
});
let downloads = 0;
let uploaded = 0;
const seeds: { status(): { readonly uploaded: number } }[] = [];

function seed(torrent: SoakTorrent): void {
  writeFileSync(contentPath(dir, torrent), torrent.content);
  const options = { ...DEFAULT_TORRENT_OPTIONS, dir, mode: 'seed' as const };
  seeds.push(session.addTorrent(torrent.metainfo, options, { ...EVENTS, goalReached: () => undefined }));
}

function download(torrent: SoakTorrent, index: number): void {
  const into = join(dir, `download-${index}`);
  rmSync(into, { recursive: true, force: true });
  mkdirSync(into);
  const peers = HONEST_HOSTS.map((host) => ({ host, port: SEED_PORT }));
  const options = { ...DEFAULT_TORRENT_OPTIONS, dir: into, mode: 'download' as const, seedGoal: null, peers };
  const added = session.addTorrent(torrent.metainfo, options, {
    ...EVENTS,
    goalReached: () => {
      downloads += 1;
      uploaded += added.status().uploaded;
      session.remove(added, () => setTimeout(() => download(torrent, index), 1_000));
    },
  });
}

const TORRENTS = soakTorrents();
let checking = TORRENTS.length;
const EVENTS = {
  started: () => {
    checking -= 1;
    if (checking === 0) process.send?.('ready');
  },
  fileDone: () => undefined,
  trackerAnswered: () => undefined,
  warned: () => undefined,
  done: () => undefined,
  failed: (failure: Error) => {
    throw failure;
  },
};

session.listen((outcome) => {
  if (!outcome.ok) throw outcome.failure;
  for (const [index, torrent] of TORRENTS.entries()) {
    if (torrent.isSeeded) seed(torrent);
    else download(torrent, index);
  }
});

process.on('message', () => {
  collect();
  collect();
  const { used_heap_size, external_memory } = getHeapStatistics();
  const active = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout' || kind === 'Immediate');
  const measure: Measure = {
    heap: used_heap_size,
    external: external_memory,
    resident: process.memoryUsage.rss(),
    descriptors: readdirSync('/proc/self/fd').length,
    tasks: waitingTasks,
    timers: active.length,
    downloads,
    uploaded: seeds.reduce((sum, torrent) => sum + torrent.status().uploaded, uploaded),
    refusals: Object.fromEntries(session.refusals),
  };
  process.send?.(measure);
});
process.on('disconnect', () => process.exit());
