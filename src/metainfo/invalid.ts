import { BtgetError } from '../base/failure.js';

/** The error for a torrent that is bencoded but says something impossible. `field` names it as the torrent does. */
export function invalid(field: string, why: string): BtgetError {
  return new BtgetError('torrent-invalid', `torrent is not valid: ${field} ${why}`);
}
