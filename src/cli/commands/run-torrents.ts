/** What `download` and `seed` share: it joins sources, session, outputs and Ctrl-C into one run. */
import { BtgetError, interrupted } from '../../base/failure.js';
import type { ReadBlocklist } from '../../session/node-blocklists.js';
import { DEFAULT_TORRENT_OPTIONS, type TorrentOptions } from '../../torrent/torrent-options.js';
import { exitCodeOf } from '../exit-code.js';
import type { CliIo } from '../io.js';
import type { OPTIONS, Values } from '../options.js';
import { chooseOutput } from '../output/choose-output.js';
import type { Deadline } from '../run/deadline.js';
import { runHook, splitCommand } from '../run/hook.js';
import { Run, type RunOptions } from '../run/run.js';
import type { CreateSession } from '../run/session-face.js';
import { type LoadedSource, loadSourceWithin, type SourceReaders } from '../source/load-source.js';
import { listSourcesWithin } from '../source/source-list.js';
import { lookUpPeers, sessionOptionsOf } from './session-values.js';
import { untilRunEnds } from './until-run-ends.js';

const INTERRUPTED = exitCodeOf(interrupted());

export interface RunDeps extends SourceReaders {
  readonly createSession: CreateSession;
  /** Null for no lists. Rejects with a 'usage' failure when one of them cannot be used. */
  readonly readBlocklist: (lists: readonly string[]) => Promise<ReadBlocklist | null>;
}

/**
 * Runs the sources `args` to their end and resolves to the exit code, also when `deadline` comes first. In mode 'seed'
 * the options that `seed` does not have are at their defaults.
 */
export async function runTorrents(
  mode: 'download' | 'seed',
  args: readonly string[],
  values: Values<typeof OPTIONS>,
  io: CliIo,
  deps: RunDeps,
  deadline: Deadline,
): Promise<number> {
  if (mode === 'download' && values.output === '-')
    throw new BtgetError('usage', "--output: '-' is no name for content; btget cat SOURCE writes a file to stdout");
  const hook = values.onComplete === null ? null : splitCommand(values.onComplete);
  const output = await chooseOutput(values, io);
  const options: Omit<RunOptions, 'blocklistNews'> = {
    session: sessionOptionsOf(values, io.env),
    torrent: torrentOptions(mode, values),
    deadline,
    stopTimeout: values.stopTimeout,
    onDone:
      hook === null
        ? null
        : (job, answered) => {
            const { about, infoHashV2, path, paths, wanted } = job;
            const result = { ...about, infoHashV2, dir: values.dir, path: path ?? values.dir, paths, length: wanted };
            runHook(hook, result, io.env, io.timers, (message) => output.tell({ type: 'note', message }), answered);
          },
  };
  let run: Run | null = null;
  return untilRunEnds(
    {
      start: async (ended, atEnd) => {
        const inputs = await listSourcesWithin(deadline, args, values.inputFile, io.stdin);
        if (values.output !== null && inputs.length > 1)
          throw new BtgetError('usage', '--output names one torrent, but several sources are given');
        if (mode === 'seed' && values.proxy !== null && !values.listenAnyway)
          output.tell({
            type: 'note',
            message: 'peers cannot come in by the proxy, so only those that we dial are served',
          });
        const { blocklist, news, peers, forgetReload } = await lookUpPeers(
          values,
          io,
          output,
          deps.readBlocklist,
          deadline,
        );
        atEnd(forgetReload);
        const sources: LoadedSource[] = [];
        for (const input of inputs) sources.push(await loadSourceWithin(deadline, input, deps));
        run = new Run(
          deps.createSession,
          {
            ...options,
            session: { ...options.session, blocklist },
            torrent: { ...options.torrent, peers },
            blocklistNews: news,
          },
          io.timers,
          output,
          // A fetch that was given up goes on, and would keep the process alive.
          (end) => ended({ ...end, clean: end.clean && !deadline.hasGivenUp }),
        );
        run.start(sources);
      },
      interrupt: (ended) => {
        if (run !== null) run.interrupt();
        else {
          // Lists or sources are still being read, and that cannot be cancelled: the process must be ended.
          output.tell({ type: 'summary', exitCode: INTERRUPTED, torrents: [] });
          ended({ exitCode: INTERRUPTED, clean: false });
        }
      },
      fail: (failure, ended) => {
        if (run !== null) {
          run.fail(failure);
          return;
        }
        const { code, message } = failure;
        output.tell({ type: 'error', about: null, input: null, code, message });
        output.tell({ type: 'summary', exitCode: exitCodeOf(failure), torrents: [] });
        ended({ exitCode: exitCodeOf(failure), clean: false });
      },
      exitCodeNow: () => run?.exitCodeNow() ?? INTERRUPTED,
    },
    io,
    output,
  );
}

function torrentOptions(mode: 'download' | 'seed', values: Values<typeof OPTIONS>): TorrentOptions {
  const { seedRatio, seedTime } = values;
  const seeds = mode === 'seed' || values.seed || seedRatio !== null || seedTime !== null;
  return {
    ...DEFAULT_TORRENT_OPTIONS,
    dir: values.dir,
    outputName: values.output,
    mode,
    seedGoal: seeds ? { ratio: seedRatio === Number.POSITIVE_INFINITY ? null : seedRatio, time: seedTime } : null,
    superSeed: values.superSeed,
    sequential: values.sequential,
    reuse: values.reuse,
    overwrite: values.overwrite,
    partNames: !values.noPart,
    selection: { select: values.select, exclude: values.exclude, ranges: null },
    preallocate: values.preallocate,
    check: values.check,
    maxPeers: values.maxPeers,
    uploadSlots: values.uploadSlots,
    trackers: values.trackers,
    useTorrentTrackers: !values.noTrackers,
    webSeeds: values.webSeeds,
    useTorrentWebSeeds: !values.noWebSeeds,
    usePex: !values.noPex,
  };
}
