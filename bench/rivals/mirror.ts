import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench } from '../harness/bench.js';

/** Starts an nginx that serves the content of the bench, and returns the URL of the file. */
export async function startMirror(bench: Bench): Promise<string> {
  const port = await bench.freePort();
  const { dir } = bench.content(bench.length);
  const place = bench.emptyDir();
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((each) => `${each}_temp_path ${place}/t;`);
  writeFileSync(
    join(place, 'nginx.conf'),
    `daemon off; master_process off; pid ${place}/pid; error_log stderr notice;
    ${process.getuid?.() === 0 ? 'user root root;' : ''} events {}
    http { access_log off; sendfile on; root ${dir}; ${temporary.join(' ')} server { listen 127.0.0.1:${port}; } }`,
  );
  await bench.start(
    { command: 'nginx', args: ['-p', place, '-c', join(place, 'nginx.conf')] },
    /start worker|using the/,
  );
  return `http://127.0.0.1:${port}/data.bin`;
}
