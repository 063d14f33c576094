// A relay that helps homes find each other, as somebody types it on the first-run page.

import type { Relay } from '$lib/api/vault';

/** The longest certificate file that is read. */
export const CERTIFICATE_BYTES_MAX = 1_000_000;

export interface RelayTyped {
  address: string;
  token: string;
  /** The file's bytes, in base 64. */
  certificate: string;
  fileName: string;
}

export const noRelay = (): RelayTyped => ({ address: '', token: '', certificate: '', fileName: '' });

/** What home is told; nothing where nothing was typed. */
export function relayOf({ address, token, certificate }: RelayTyped): Relay | undefined {
  const relay = { address: address.trim(), token: token.trim(), certificate };
  return relay.address || relay.token || relay.certificate ? relay : undefined;
}

/** Bytes as base 64. */
export function base64(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}
