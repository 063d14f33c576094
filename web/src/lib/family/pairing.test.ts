import { expect, test } from 'vitest';
import type { Invitation, Pairing } from '$lib/api/family';
import { asking, guestStep, invitationIn, inviterStep, looksLikeInvitation, reasonWords } from './pairing';

const NOW = Date.UTC(2026, 10, 21, 14);
const invitation: Invitation = { id: 'i1', link: 'heirloom://pair#x', expiresAt: new Date(NOW + 60_000).toISOString() };
const pairing = (fields: Partial<Pairing>): Pairing => ({ id: 'i1', role: 'inviter', state: 'waiting', name: 'Casa Rosa', people: [], words: [], reason: null, expiresAt: null, ...fields });
const WORDS = ['orchard', 'lantern', 'velvet', 'harbour', 'maple', 'window'];

test('an invitation waits, is compared, and ends', () => {
  const step = (pairings: Pairing[], now = NOW) => inviterStep(invitation, pairings, now).kind;
  expect(step([])).toBe('waiting');
  expect(step([pairing({})])).toBe('waiting');
  expect(step([pairing({ state: 'confirm', words: WORDS })])).toBe('compare');
  expect(step([pairing({ state: 'done', words: WORDS })])).toBe('done');
  expect(step([pairing({ state: 'failed', reason: 'denied' })])).toBe('failed');
});

test('an invitation that nobody opened expires, one that is being compared does not', () => {
  expect(inviterStep(invitation, [], NOW + 60_000)).toEqual({ kind: 'waiting', expired: true });
  expect(inviterStep(invitation, [], NOW + 59_999)).toEqual({ kind: 'waiting', expired: false });
  expect(inviterStep(invitation, [pairing({ state: 'confirm', words: WORDS })], NOW + 60_000).kind).toBe('compare');
});

test('words of another invitation are never shown for this one', () => {
  expect(inviterStep(invitation, [pairing({ id: 'i2', state: 'confirm', words: WORDS })], NOW).kind).toBe('waiting');
});

test('a guest reaches the other home, shows its words, and is told the outcome', () => {
  const accepted = pairing({ id: 'g', role: 'guest' });
  expect(guestStep(accepted, []).kind).toBe('reaching');
  expect(guestStep(accepted, [pairing({ id: 'g', role: 'guest', words: WORDS })]).kind).toBe('theirs');
  expect(guestStep(accepted, [pairing({ id: 'g', role: 'guest', state: 'confirm', words: WORDS })]).kind).toBe('theirs');
  expect(guestStep(accepted, [pairing({ id: 'g', role: 'guest', state: 'failed', reason: 'used' })]).kind).toBe('failed');
  expect(guestStep(accepted, [pairing({ id: 'g', role: 'guest', state: 'done', words: WORDS })]).kind).toBe('done');
});

test('only homes that came with an invitation of ours ask for a comparison', () => {
  const pairings = [pairing({}), pairing({ id: 'a', state: 'confirm' }), pairing({ id: 'b', role: 'guest', state: 'confirm' })];
  expect(asking(pairings).map(({ id }) => id)).toEqual(['a']);
});

test('failures are said in sentences, also those that the node worded', () => {
  expect(reasonWords('used')).toMatch(/used before/);
  expect(reasonWords('unreachable')).toMatch(/has to be on/);
  expect(reasonWords('This home is full.')).toBe('This home is full.');
  expect(reasonWords(null)).toMatch(/could not be connected/);
});

test('an invitation is told from other text', () => {
  const secret = 'Ab_-'.repeat(8);
  for (const text of [`heirloom://pair#${secret}`, ` heirloom://pair#${secret}\n`, `http://192.168.1.5:2283/family#pair=${secret}`, `https://home.example.org/#pair=${secret}`]) expect(looksLikeInvitation(text), text).toBe(true);
  for (const text of ['', 'hello', 'heirloom://pair#', `heirloom://pair#${secret} and more`, `https://home.example.org/#pare=${secret}`]) expect(looksLikeInvitation(text), text).toBe(false);
});

test('the invitation of an address is read from its end only', () => {
  const secret = 'Ab_-'.repeat(8);
  expect(invitationIn(`#pair=${secret}`)).toBe(`heirloom://pair#${secret}`);
  expect(invitationIn('#pair=')).toBeUndefined();
  expect(invitationIn('')).toBeUndefined();
  expect(invitationIn(`#pair=${secret}/../x`)).toBeUndefined();
});
