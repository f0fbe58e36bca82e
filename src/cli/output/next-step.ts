/** What whoever reads of a failure can do about it. */
import { BtgetError, type FailureCode } from '../../base/failure.js';
import { machineHelp } from '../machine-failure.js';

const NEXT_STEPS: Readonly<Partial<Record<string, string>>> = {
  interrupted: 'the same command again goes on',
  'gave-up': 'the same command again goes on',
  'disk-full': 'free some space; the same command again goes on',
  'foreign-file': '--overwrite replaces it, -o or -d saves elsewhere',
  'cannot-open': 'check the permissions, or choose another folder with -d',
  'bytes-missing': '-d names the folder that holds the content',
} satisfies Partial<Record<FailureCode, string>>;

/** A hint for a torrent that failed, or null. */
export function nextStep(failure: unknown): string | null {
  // Any other exception says itself what to do.
  if (!(failure instanceof BtgetError)) return null;
  // A file may not have been opened because too many others are open, and then no permission is at fault.
  const lack = failure.code === 'cannot-open' ? machineHelp(failure.cause) : null;
  return failure.hint ?? lack ?? NEXT_STEPS[failure.code] ?? null;
}
