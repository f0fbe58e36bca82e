/** What whoever reads of a failure can do about it. */
import type { FailureCode } from '../../base/failure.js';

const NEXT_STEPS: Readonly<Partial<Record<string, string>>> = {
  interrupted: 'the same command again goes on',
  'gave-up': 'the same command again goes on',
  'disk-full': 'free some space; the same command again goes on',
  'foreign-file': '--overwrite replaces it, -o or -d saves elsewhere',
  'cannot-open': 'check the permissions, or choose another folder with -d',
  'bytes-missing': '-d names the folder that holds the content',
} satisfies Partial<Record<FailureCode, string>>;

/** A hint for a torrent that failed with `code`, or null. */
export function nextStep(code: string): string | null {
  return NEXT_STEPS[code] ?? null;
}
