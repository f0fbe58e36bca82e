import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** Makes a folder for this test alone. It is removed when the test ends. */
export function scratch(test: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'btget-scratch-'));
  const remove = (): void => rmSync(dir, { recursive: true, force: true });
  test.after(() => {
    try {
      remove();
    } catch (error) {
      // A program of the test writes there still. The hook that ends it comes after this one, and would never run if
      // this one threw.
      if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw error;
      process.once('exit', remove);
    }
  });
  return dir;
}
