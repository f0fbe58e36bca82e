/** What `cat` and `serve` share: it joins the source, the session, the messages and Ctrl-C into one run. */
import { tmpdir } from 'node:os';
import { interrupted } from '../../base/failure.js';
import type { ReadersOptions } from '../../torrent/reading/content-readers.js';
import { DEFAULT_TORRENT_OPTIONS } from '../../torrent/torrent-options.js';
import { exitCodeOf } from '../exit-code.js';
import type { CliIo } from '../io.js';
import type { READING_OPTIONS, Values } from '../options.js';
import { chooseOutput } from '../output/choose-output.js';
import type { Deadline } from '../run/deadline.js';
import { type CreateReadingSession, ReadingRun, type RunReader } from '../run/reading-run.js';
import { loadSourceWithin } from '../source/load-source.js';
import type { RunDeps } from './run-torrents.js';
import { lookUpPeers, sessionOptionsOf } from './session-values.js';
import { untilRunEnds } from './until-run-ends.js';

export interface ReadingDeps extends Omit<RunDeps, 'createSession'> {
  readonly createSession: CreateReadingSession;
}

export interface ReadingPlan {
  readonly input: string;
  /** Which files may be read. */
  readonly select: readonly string[];
  readonly onDemand: ReadersOptions;
  readonly deadline: Deadline;
  readonly stopTimeout: number | null;
  /** Makes what reads. `end` ends the run, with a failure or, when it is null, as done. */
  readonly createReader: (end: (failure: unknown) => void) => RunReader;
  /** An interrupt is no failure. */
  readonly mayBeInterrupted: boolean;
}

/** Resolves to the exit code. */
export async function runReading(
  plan: ReadingPlan,
  values: Values<typeof READING_OPTIONS>,
  io: CliIo,
  deps: ReadingDeps,
): Promise<number> {
  // Nothing of it goes to stdout, which carries what was asked for.
  const { quiet, verbose } = values;
  const output = await chooseOutput(
    { json: false, printPaths: false, print0: false, quiet, verbose, summaryInterval: 0 },
    io,
  );
  let run: ReadingRun | null = null;
  return untilRunEnds(
    {
      start: async (ended, atEnd) => {
        const { blocklist, peers, forgetReload } = await lookUpPeers(
          values,
          io,
          output,
          deps.readBlocklist,
          plan.deadline,
        );
        atEnd(forgetReload);
        const source = await loadSourceWithin(plan.deadline, plan.input, deps);
        if (!source.ok) throw source.failure;
        const reading = new ReadingRun(
          deps.createSession,
          {
            session: { ...sessionOptionsOf(values, io.env), blocklist },
            cacheDir: values.keepIn === null ? tmpdir() : null,
            torrent: {
              ...DEFAULT_TORRENT_OPTIONS,
              dir: values.keepIn ?? '.',
              onDemand: plan.onDemand,
              // What is whole goes on being served and read: the run ends, and not the torrent.
              seedGoal: { ratio: null, time: null },
              selection: { select: plan.select, exclude: values.exclude, ranges: null },
              maxPeers: values.maxPeers,
              peers,
              trackers: values.trackers,
              useTorrentTrackers: !values.noTrackers,
              webSeeds: values.webSeeds,
              useTorrentWebSeeds: !values.noWebSeeds,
              usePex: !values.noPex,
            },
            deadline: plan.deadline,
            stopTimeout: plan.stopTimeout,
          },
          plan.createReader((failure) => run?.end(failure)),
          io.timers,
          output,
          ended,
        );
        run = reading;
        reading.start(source);
      },
      interrupt: (ended) => {
        if (run !== null) run.end(plan.mayBeInterrupted ? null : interrupted());
        // The source is still being fetched, and a fetch cannot be cancelled: the process must be ended.
        else ended({ exitCode: exitCodeOf(interrupted()), clean: false });
      },
      fail: (failure, ended) => {
        if (run !== null) {
          run.end(failure);
          return;
        }
        const { code, message } = failure;
        output.tell({ type: 'error', about: null, input: null, code, message });
        ended({ exitCode: exitCodeOf(failure), clean: false });
      },
      exitCodeNow: () => run?.exitCode ?? exitCodeOf(interrupted()),
    },
    io,
    output,
  );
}
