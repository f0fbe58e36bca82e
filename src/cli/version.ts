import { readFileSync } from 'node:fs';

/** The version that package.json names. */
export function version(): string {
  const about: unknown = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));
  if (typeof about !== 'object' || about === null || !('version' in about))
    throw new Error('package.json has no version');
  return String(about.version);
}
