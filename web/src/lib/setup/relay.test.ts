import { describe, expect, it } from 'vitest';
import { base64, noRelay, relayOf } from './relay';

describe('a relay', () => {
  it('is told only where something was typed', () => {
    expect(relayOf(noRelay())).toBeUndefined();
    expect(relayOf({ ...noRelay(), address: ' ', fileName: 'old.pem' })).toBeUndefined();
    expect(relayOf({ ...noRelay(), address: ' https://relay.example.org ' })).toEqual({ address: 'https://relay.example.org', token: '', certificate: '' });
    expect(relayOf({ ...noRelay(), token: 'orchard' })?.token).toBe('orchard');
  });

  it('has a file that goes as base 64', () => {
    expect(base64(new Uint8Array([0, 255, 48, 130]))).toBe('AP8wgg==');
  });
});
