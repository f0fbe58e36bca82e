import { existsSync, readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { fileURLToPath } from 'node:url';

/**
 * The trace of an exception with the files and lines of the source. The published package is one long file; what we are
 * sent in reports of bugs should say where in the source it was. Places of which no map is there stay as they are.
 */
export function mappedTrace(trace: string): string {
  const maps = new Map<string, SourceMap | null>();
  return trace.replace(
    /(file:\/\/\/[^\s()]+\.c?js):(\d+):(\d+)/g,
    (place, url: string, line: string, column: string) => {
      const map = maps.get(url) ?? mapOf(url);
      maps.set(url, map);
      const found = map?.findEntry(Number(line) - 1, Number(column) - 1);
      if (found === undefined || !('originalSource' in found)) return place;
      const source = found.originalSource.replace(/^(?:.*\/)?(?=(?:src|node_modules)\/)/, '');
      return `${source}:${found.originalLine + 1}`;
    },
  );
}

function mapOf(url: string): SourceMap | null {
  try {
    const path = `${fileURLToPath(url)}.map`;
    return existsSync(path) ? new SourceMap(JSON.parse(readFileSync(path, 'utf8'))) : null;
  } catch {
    // What is reported is the exception, not its map.
    return null;
  }
}
