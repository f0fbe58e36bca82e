declare module 'bencode' {
  interface Bencode {
    /** Integers are numbers, strings `Uint8Array`, lists arrays, dictionaries objects with keys decoded as UTF-8. */
    decode(bytes: Uint8Array): unknown;
  }
  const bencode: Bencode;

  // The package has no other export.
  // biome-ignore lint/style/noDefaultExport: describes a package as it is
  export { bencode as default };
}
