/** Makes failures with a code from errors of the system, and carries failures from one thread to another. */
import { BtgetError, type FailureCode } from '../base/failure.js';
import { FolderGone } from './storage.js';

/** An error of a system call, as Node makes it. */
interface SystemError extends Error {
  readonly code: string;
  readonly syscall: string;
}

// These say that a name cannot be made, opened or changed. When reading or writing an open file gives one of them, the
// code is 'io'.
const CANNOT_OPEN: ReadonlySet<string> = new Set([
  'EACCES',
  'EROFS',
  'EPERM',
  'ENOENT',
  'ENOTDIR',
  'EISDIR',
  'EEXIST',
  'ELOOP',
  'ENAMETOOLONG',
  'EMFILE',
  'ENFILE',
  'ENXIO',
  'ETXTBSY',
]);

const ON_OPEN_FILES: Readonly<Record<string, string>> = {
  read: 'read',
  write: 'write',
  fdatasync: 'flush',
  fsync: 'flush',
  ftruncate: 'set the length of',
};

/** What file systems answer when they cannot give a file a second name (a hard link). */
export const NO_LINKS: ReadonlySet<string> = new Set([
  'EPERM',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
  'EMLINK',
  'EACCES',
  'EXDEV',
]);

/** What file systems answer that take no symbolic links. */
const NO_SYMLINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/** Whether a symbolic link was refused by a file system that takes none. It will not change its mind. */
export function takesNoSymlinks(error: unknown): boolean {
  return isSystemError(error) && error.syscall === 'symlink' && NO_SYMLINKS.has(error.code);
}

/** What file systems answer that keep no modes, or on which each file is of the user that mounted them. */
const NO_MODES: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/** Whether the mode of a file of ours was refused by a file system that takes none. It will not change its mind. */
export function takesNoModes(error: unknown): boolean {
  return isSystemError(error) && NO_MODES.has(error.code);
}

/** What file systems answer that cannot flush a folder, as shares of Windows or of VirtualBox. */
const NO_FOLDER_FLUSH: ReadonlySet<string> = new Set(['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/** Whether the flush of a folder was refused by a file system that flushes none. Nothing better can be done there. */
export function flushesNoFolders(error: unknown): boolean {
  return isSystemError(error) && NO_FOLDER_FLUSH.has(error.code);
}

/**
 * A file is no longer the one that it was; `part` is its part name. Code that knows the index of the file makes a
 * `FileLost` of it.
 */
export class LostName extends BtgetError {
  readonly part: string;

  constructor(part: string, message: string, code: FailureCode = 'io') {
    super(code, message);
    this.part = part;
  }
}

/** Why a folder cannot be made where something else is. */
const NOT_A_FOLDER: Readonly<Partial<Record<string, string>>> = {
  EEXIST: 'a file, or a link that leads nowhere, has its name',
  ENOTDIR: 'something on the way to it is no folder',
};
const ELSEWHERE = '-d names another folder';
const WITHOUT_SYMLINK = '--exclude leaves it out, -d saves elsewhere';

/** The failure for a system error about `path`. Any other error is a bug, and is thrown again. */
export function fileFailure(error: unknown, path: string): BtgetError {
  if (error instanceof BtgetError) return error;
  if (!isSystemError(error)) throw error;
  if (takesNoSymlinks(error)) {
    const message = `cannot make ${path}: the file system takes no symbolic links (${error.code})`;
    return new BtgetError('cannot-open', message, { cause: error, hint: WITHOUT_SYMLINK });
  }
  const inTheWay = error.syscall === 'mkdir' ? NOT_A_FOLDER[error.code] : undefined;
  if (inTheWay !== undefined) {
    const message = `cannot make the folder ${path}: ${inTheWay} (${error.code})`;
    return new BtgetError('cannot-open', message, { cause: error, hint: ELSEWHERE });
  }
  const words = error.message.replace(/^[A-Z0-9]+: /, '').replace(/, \w+( '[\s\S]*)?$/, '');
  const onOpenFile = ON_OPEN_FILES[error.syscall];
  const verb = onOpenFile ?? error.syscall;
  return new BtgetError(codeOf(error, onOpenFile !== undefined), `cannot ${verb} ${path}: ${words} (${error.code})`, {
    cause: error,
  });
}

/** Runs `action`, and throws a system error about `path` as a failure. For the workers, whose calls throw. */
export function about<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw fileFailure(error, path);
  }
}

/** Whether a system call has failed with `error`. */
export function isSystemError(error: unknown): error is SystemError {
  return error instanceof Error && 'syscall' in error && 'code' in error && typeof error.code === 'string';
}

/** Runs `action`, and ignores a failure or a system error in it. Throws a bug. */
export function orNothing(action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof BtgetError) && !isSystemError(error)) throw error;
  }
}

/** Whether the process or the system has no descriptor left. Closing some files helps. */
export function isOutOfDescriptors(error: unknown): boolean {
  return isSystemError(error) && (error.code === 'EMFILE' || error.code === 'ENFILE');
}

function codeOf(error: SystemError, onOpenFile: boolean): FailureCode {
  if (error.code === 'ENOSPC' || error.code === 'EDQUOT') return 'disk-full';
  return !onOpenFile && CANNOT_OPEN.has(error.code) ? 'cannot-open' : 'io';
}

/** A failure as it is sent to another thread: structured cloning of the error itself would lose its code. */
export interface FailureMessage {
  readonly code: FailureCode;
  readonly message: string;
  readonly hint: string | null;
  /** The part name of a file that was lost, or null. */
  readonly lost: string | null;
  /** Whether it is a `FolderGone`. */
  readonly isGone: boolean;
  readonly cause: { readonly message: string; readonly code: string; readonly syscall: string } | null;
}

/** The failure as a message. `decodeFailure` makes one of the same kind of it. */
export function encodeFailure(failure: BtgetError): FailureMessage {
  const cause = failure.cause;
  return {
    code: failure.code,
    message: failure.message,
    hint: failure.hint,
    lost: failure instanceof LostName ? failure.part : null,
    isGone: failure instanceof FolderGone,
    cause: isSystemError(cause) ? { message: cause.message, code: cause.code, syscall: cause.syscall } : null,
  };
}

/** The failure of a message, in the thread that gets it. Its `cause` is a new error with the same code. */
export function decodeFailure(message: FailureMessage): BtgetError {
  if (message.lost !== null) return new LostName(message.lost, message.message, message.code);
  if (message.isGone) return new FolderGone(message.message);
  const hint = message.hint === null ? {} : { hint: message.hint };
  if (message.cause === null) return new BtgetError(message.code, message.message, hint);
  const { code, syscall } = message.cause;
  const cause = Object.assign(new Error(message.cause.message), { code, syscall });
  return new BtgetError(message.code, message.message, { cause, ...hint });
}
