import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** Makes a folder for this test alone. It is removed when the test ends. */
export function scratch(test: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'btget-scratch-'));
  test.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}
