import { expect, test } from 'vitest';
import type { Peer } from '$lib/api/family';
import { ago, listed, nameOf, standing, until } from './words';

const NOW = new Date(2026, 10, 21, 14, 0).getTime();
const MINUTE = 60_000;
const peer = (fields: Partial<Peer>): Peer => ({
  household: 'h', name: 'Casa Rosa', givenName: null, people: [], words: [], path: 'direct', rttMs: 4, lastSeen: new Date(NOW - 12 * MINUTE).toISOString(), pairedAt: 0, blocked: false, albums: [], ...fields
});

test('moments are said as people say them', () => {
  expect(ago(NOW - 20_000, NOW)).toBe('just now');
  expect(ago(NOW + 20_000, NOW)).toBe('just now');
  expect(ago(NOW - MINUTE, NOW)).toBe('1 minute ago');
  expect(ago(NOW - 12 * MINUTE, NOW)).toBe('12 minutes ago');
  expect(ago(NOW - 3 * 60 * MINUTE, NOW)).toBe('3 hours ago');
  expect(ago(NOW - 20 * 60 * MINUTE, NOW)).toBe('yesterday');
  expect(ago(NOW - 4 * 24 * 60 * MINUTE, NOW)).toBe('4 days ago');
  expect(ago(new Date(2026, 4, 3).getTime(), NOW)).toMatch(/^on /);
  expect(ago(new Date(2024, 4, 3).getTime(), NOW)).toContain('2024');
});

test('an end names the day when it is another one', () => {
  expect(until(NOW + 10 * MINUTE, NOW)).toMatch(/^until \d/);
  expect(until(NOW + 24 * 60 * MINUTE, NOW)).toMatch(/^until tomorrow, /);
});

test('names are listed', () => {
  expect([[], ['Anna'], ['Anna', 'Ben'], ['Anna', 'Ben', 'Clara']].map(listed)).toEqual(['', 'Anna', 'Anna and Ben', 'Anna, Ben and Clara']);
});

test('a home is on or off, and says how it is reached', () => {
  expect(standing(peer({}), NOW)).toEqual({ on: true, text: 'On, connected directly' });
  expect(standing(peer({ path: 'relay' }), NOW).text).toBe('On, through a relay');
  expect(standing(peer({ path: 'off' }), NOW)).toEqual({ on: false, text: 'Off, last seen 12 minutes ago' });
  expect(standing(peer({ path: 'off', lastSeen: null }), NOW).text).toBe('Off, not heard from yet');
  expect(standing(peer({ path: 'off', refusal: 'not paired with this home, or no longer' }), NOW)).toEqual({ on: false, text: 'No longer connected with you' });
  expect(standing(peer({ path: 'off', refusal: 'no version in common' }), NOW).text).toBe('no version in common');
  expect(standing(peer({ path: 'direct', blocked: true }), NOW)).toEqual({ on: false, text: 'Blocked' });
});

test('the name given here stands before the home’s own', () => {
  expect(nameOf({ name: 'Casa Rosa', givenName: 'Nonna' })).toBe('Nonna');
  expect(nameOf({ name: 'Casa Rosa', givenName: null })).toBe('Casa Rosa');
});
