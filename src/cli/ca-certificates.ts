/** `--ca-certificate`: a file of certificate authorities (PEM) that btget trusts besides the well-known ones. */
import { BtgetError, systemCode } from '../base/failure.js';
import { readGivenFile } from '../base/system-given-file.js';

/** Bytes. All well-known authorities together take a quarter of a MiB. */
const MAX_LENGTH = 16 * 1024 * 1024;

/**
 * Resolves to the file's text, or to null when `path` is null. Rejects with 'cannot-open' when the file cannot be read,
 * and with 'usage' when the file is too long, holds no certificate, or holds a broken one.
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
    for await (const chunk of readGivenFile(path)) {
      const bytes = Buffer.from(chunk);
      length += bytes.length;
      if (length > MAX_LENGTH) throw new BtgetError('usage', `--ca-certificate: ${path} is too long for certificates`);
      chunks.push(bytes);
    }
    return Buffer.concat(chunks).toString('latin1');
  } catch (error) {
    if (error instanceof BtgetError) throw error;
    const code = systemCode(error) ?? String(error);
    throw new BtgetError('cannot-open', `--ca-certificate: cannot read ${path}: ${code}`, { cause: error });
  }
}
