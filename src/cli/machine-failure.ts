/**
 * Recognises errors that say what the machine lacks: open files, threads, memory. They may come up anywhere: when a
 * module loads, when a thread starts, when a buffer is made. No code expects them there, but they are no bug of ours.
 */
import { getSystemErrorName } from 'node:util';
import { BtgetError, type FailureCode } from '../base/failure.js';

type Lack = readonly [code: FailureCode, what: string, help: string];

const DESCRIPTORS: Lack = ['cannot-open', 'too few files may be open at once', 'raise the limit with ulimit -n'];
const THREADS: Lack = ['failed', 'no process or thread can be started', 'raise the limit with ulimit -u'];
const MEMORY: Lack = ['failed', 'there is too little memory', 'raise the limit with ulimit -v, or end other programs'];

/** By the error code of a system call or of Node. */
const LACKS: Readonly<Record<string, Lack>> = {
  EMFILE: DESCRIPTORS,
  ENFILE: ['cannot-open', 'too many files are open on this machine', 'end other programs'],
  EAGAIN: THREADS,
  ENOMEM: MEMORY,
  ERR_WORKER_OUT_OF_MEMORY: MEMORY,
  ERR_MEMORY_ALLOCATION_FAILED: MEMORY,
};

/** How the messages of errors without a code begin. */
const MEMORY_WORDS = /^(?:Array buffer allocation failed|Invalid array buffer length|Failed to allocate memory)/;

/**
 * `error` as a failure that names what the machine lacks; null when this does not explain `error`. When a file or a
 * port could not be opened for that, neither is at fault.
 */
export function machineFailure(error: unknown): BtgetError | null {
  if (error instanceof BtgetError) {
    if (error.code !== 'cannot-open' && error.code !== 'network') return null;
    // Where no exception was thrown, the cause is the code alone.
    const { cause } = error;
    const lack = machineFailure(typeof cause === 'string' ? Object.assign(new Error(cause), { code: cause }) : cause);
    return lack?.code === 'cannot-open' ? lack : null;
  }
  if (!(error instanceof Error)) return null;
  const code = codeOf(error);
  const lack = lackOf(error);
  if (lack !== null) {
    const [failure, what, help] = lack;
    return new BtgetError(failure, `${what} (${code === '' ? error.message : code}); ${help}`, { cause: error });
  }
  if ('syscall' in error && error.syscall === 'uv_cwd') {
    const why = code === 'ENOENT' ? 'has been removed' : code === 'ERANGE' ? 'has too long a path' : `gives ${code}`;
    return new BtgetError('cannot-open', `the current folder ${why}; change to another one`, { cause: error });
  }
  return null;
}

function lackOf(error: Error): Lack | null {
  const code = codeOf(error);
  if (Object.hasOwn(LACKS, code)) return LACKS[code] ?? null;
  return MEMORY_WORDS.test(error.message) ? MEMORY : null;
}

/**
 * When a thread cannot start, the system's code is only in the message: `Worker initialization failure: EMFILE`. When
 * the interfaces cannot be listed, only its number is there, in `errno`.
 */
function codeOf(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (code === 'ERR_SYSTEM_ERROR' && 'errno' in error && Number(error.errno) !== 0)
    return getSystemErrorName(-Math.abs(Number(error.errno)));
  if (code !== 'ERR_WORKER_INIT_FAILED') return code;
  return /: (E[A-Z0-9]+)$/.exec(error.message)?.[1] ?? 'EAGAIN';
}
