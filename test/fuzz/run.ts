/**
 * `npm run fuzz`: every decoder of foreign bytes gets FUZZ_INPUTS damaged inputs (200,000). FUZZ_SEED sees the same
 * inputs again; arguments are parts of names of decoders to take instead of all. Prints a line for each decoder, and
 * each finding as hex.
 */
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { FUZZED_DECODERS } from './decoders.js';
import { type FuzzOutcome, fuzz } from './fuzz.js';

const INPUTS = Number(process.env['FUZZ_INPUTS'] ?? 200_000);
const SEED = Number(process.env['FUZZ_SEED'] ?? Date.now() % 1_000_000_007);
/** An input that never ends is found by this: no decoder has so little to say for itself for so long. */
const SILENCE = 60_000;
const BATCH = 10_000;

interface Sum {
  inputs: number;
  slowest: number;
  dearest: number;
  readonly findings: Set<string>;
}

if (isMainThread) runAll();
else work(workerData as number);

/** A thread: takes one decoder, and tells of each batch. */
function work(index: number): void {
  const decoder = FUZZED_DECODERS[index];
  if (decoder === undefined) throw new RangeError(`no decoder ${index}`);
  for (let done = 0; done < INPUTS; done += BATCH)
    parentPort?.postMessage(fuzz(decoder, Math.min(BATCH, INPUTS - done), SEED + index + done));
}

function runAll(): void {
  const asked = process.argv.slice(2);
  const waiting = FUZZED_DECODERS.flatMap(({ file, name }, index) => {
    const title = `${file} ${name}`;
    return asked.length === 0 || asked.some((part) => title.includes(part)) ? [{ title, index }] : [];
  });
  process.stdout.write(`seed ${SEED}, ${INPUTS} inputs each, ${waiting.length} decoders\n`);
  const next = (): void => {
    const one = waiting.shift();
    if (one !== undefined) runOne(one.title, one.index, next);
  };
  for (let thread = 0; thread < availableParallelism(); thread += 1) next();
}

function runOne(title: string, index: number, over: () => void): void {
  const sum: Sum = { inputs: 0, slowest: 0, dearest: 0, findings: new Set() };
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: index });
  const silence = setTimeout(() => {
    sum.findings.add(`no end within ${SILENCE / 1000} s, after ${sum.inputs} inputs`);
    void worker.terminate();
  }, SILENCE);
  worker.on('message', (outcome: FuzzOutcome) => {
    silence.refresh();
    sum.inputs += outcome.inputs;
    sum.slowest = Math.max(sum.slowest, outcome.slowest);
    sum.dearest = Math.max(sum.dearest, outcome.dearest);
    for (const { what, input } of outcome.findings) {
      const hex = Buffer.from(input).toString('hex');
      if (sum.findings.size < 5)
        sum.findings.add(`${what}: ${hex.length > 4000 ? `${hex.slice(0, 4000)}… (${input.length} bytes)` : hex}`);
    }
  });
  worker.on('error', (error) => sum.findings.add(`the thread died: ${error.stack}`));
  worker.on('exit', () => {
    clearTimeout(silence);
    if (sum.inputs < INPUTS && sum.findings.size === 0) sum.findings.add('the thread ended early');
    const cost = `slowest ${sum.slowest.toFixed(1)} ms, ${Math.round(sum.dearest / 1024)} KiB beyond what its length allows`;
    process.stdout.write(`${sum.findings.size === 0 ? 'ok' : 'WRONG'} ${title}: ${sum.inputs} inputs, ${cost}\n`);
    for (const finding of sum.findings) process.stdout.write(`  ${finding}\n`);
    if (sum.findings.size > 0) process.exitCode = 1;
    over();
  });
}
