/** `--ca-certificate`: a file that names authorities to trust. */
import { createReadStream } from 'node:fs';
import { BtgetError } from '../base/failure.js';

/** Bytes. All well-known authorities together have a quarter of a MiB. */
const MAX_LENGTH = 16 * 1024 * 1024;

/**
 * The file's text, or null for no file. Rejects with 'cannot-open' when it cannot be read, and with 'usage' when it
 * holds no certificate, or one that is broken.
 */
export async function readCaCertificates(path: string | null): Promise<string | null> {
  if (path === null) return null;
  const text = await read(path);
  const { Authorities } = await import('../discovery/http/http-tls.js');
  try {
    new Authorities(text);
  } catch (error) {
    if (!(error instanceof BtgetError)) throw error;
    throw new BtgetError(error.code, `--ca-certificate: ${path}: ${error.message}`, { cause: error });
  }
  return text;
}

async function read(path: string): Promise<string> {
  try {
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of createReadStream(path)) {
      const bytes = Buffer.from(chunk);
      length += bytes.length;
      if (length > MAX_LENGTH) throw new BtgetError('usage', `--ca-certificate: ${path} is too long for certificates`);
      chunks.push(bytes);
    }
    return Buffer.concat(chunks).toString('latin1');
  } catch (error) {
    if (error instanceof BtgetError) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new BtgetError('cannot-open', `--ca-certificate: cannot read ${path}: ${code}`, { cause: error });
  }
}
