/** The configuration file: where it is, who may write to it, and the JSON object in it. */
import { closeSync, fstatSync, openSync, readFileSync, type Stats } from 'node:fs';
import { devNull } from 'node:os';
import { join } from 'node:path';
import { BtgetError } from '../../base/failure.js';
import type { Environment } from '../io.js';
import { machineFailure } from '../machine-failure.js';
import { userFolder } from '../user-folder.js';

export interface ConfigFile {
  readonly path: string;
  readonly object: Readonly<Record<string, unknown>>;
}

/** What the command line says about the file: `--config` and `--no-config`. */
export interface ConfigChoice {
  readonly path: string | null;
  readonly none: boolean;
}

const MAX_LENGTH = 1 << 20;
const ROOT = 0;
const WRITTEN_BY_OTHERS = 0o022;

/**
 * The file that holds the user's configuration; null when there is none. Throws a 'usage' failure that names the file
 * when it cannot be used. A file that the user names must be there.
 */
export function readConfigFile(choice: ConfigChoice, env: Environment): ConfigFile | null {
  if (choice.none) return null;
  const named = choice.path ?? (env['BTGET_CONFIG'] || null);
  const path = named ?? usualPath(env);
  if (path === null) return null;
  const bytes = readBytes(path, named !== null);
  if (bytes !== null) return { path, object: parseConfig(bytes, path) };
  if (named === null) return null;
  throw new BtgetError('usage', `${path}: there is no such file`);
}

/** The path of the file that is read when the user names none; null when the environment names no folder for it. */
function usualPath(env: Environment): string | null {
  const folder = userFolder('config', env);
  return folder === null ? null : join(folder, 'config.json');
}

/**
 * Null when there is no such file, or one in a folder that this user may not enter and did not name: the environment
 * may still be that of the user whose shell it was.
 */
function readBytes(path: string, isNamed: boolean): Buffer | null {
  try {
    const descriptor = openSync(path, 'r');
    try {
      // The facts are those of the very file that is read. A link to it may be anyone's.
      const facts = fstatSync(descriptor);
      // `/dev/null` is how scripts say that there is no file.
      if (facts.isCharacterDevice() && path === devNull) return Buffer.from('{}');
      const fault = faultOf(facts, process.getuid?.() ?? null);
      if (fault !== null) throw new BtgetError('usage', `${path}: ${fault}`);
      return readFileSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    if (error instanceof BtgetError || machineFailure(error) !== null) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || (code === 'EACCES' && !isNamed)) return null;
    throw new BtgetError('usage', `${path}: cannot be read: ${code ?? message}`, { cause: error });
  }
}

/**
 * Why the file is not used; null when it is. It names programs to run (`on-complete`), so who may write to it may do
 * anything in the user's name. `user` is null where the system knows no users.
 */
export function faultOf(facts: Pick<Stats, 'mode' | 'uid' | 'size'>, user: number | null): string | null {
  const kind = facts.mode & 0o170_000;
  if (kind === 0o040_000) return 'is a folder';
  if (kind === 0o020_000 || kind === 0o060_000) return 'is a device (--no-config does without a file)';
  if (user !== null) {
    if (facts.uid !== user && facts.uid !== ROOT)
      return `belongs to another user (${facts.uid}; --no-config does without)`;
    const mode = facts.mode & 0o7777;
    if ((mode & WRITTEN_BY_OTHERS) !== 0)
      return `others may write to it (mode ${mode.toString(8).padStart(4, '0')}; chmod go-w mends that)`;
  }
  return facts.size > MAX_LENGTH ? 'is longer than 1 MiB' : null;
}

/** Throws a 'usage' failure that names the file when `bytes` is no JSON object. */
export function parseConfig(bytes: Buffer, path: string): Readonly<Record<string, unknown>> {
  let found: unknown;
  try {
    found = JSON.parse(bytes.toString('utf8').replace(/^\ufeff/, ''));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new BtgetError('usage', `${path}: is not JSON: ${why}`, { cause: error });
  }
  if (typeof found !== 'object' || found === null || Array.isArray(found))
    throw new BtgetError('usage', `${path}: is not a JSON object`);
  return found as Readonly<Record<string, unknown>>;
}
