/**
 * Where an address of a peer came from. It decides where the address may lead, and whose share of the spares it takes.
 */
export type AddressSource =
  /** The user named it: `--peer`, an argument of the library. */
  | { readonly kind: 'user' }
  /** A magnet link or a torrent file named it (`x.pe`, `nodes`). Who made that is not known. */
  | { readonly kind: 'link' }
  /** It connected to us, and says that it listens there. */
  | { readonly kind: 'incoming'; readonly teller: string }
  /** `teller` is the IP literal of the host that named it, or its name where no address is known. */
  | { readonly kind: 'tracker' | 'pex' | 'dht' | 'lsd'; readonly teller: string };

export type AddressSourceKind = AddressSource['kind'];
