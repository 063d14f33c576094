import { describe, expect, it } from 'vitest';
import type { NewerState } from '$lib/api/vault';
import { newerAsks, newerPart, newerTitle, newerWords } from './newer';

const NOW = Date.parse('2026-06-01T12:00:00Z');
const state: NewerState = { id: 'a', place: 'Ben', madeAt: '2026-05-03T12:00:00Z', why: 'before', state: 'asks', needsPhrase: false, brought: 0, total: 0, missing: 0 };

describe('a newer state', () => {
  it('asks, and says what may be behind it', () => {
    expect(newerTitle(state, Date.parse('2026-05-03T12:00:00Z'), NOW)).toMatch(/^Ben keeps a newer copy of your photos and albums, from .*May.*Bring it home\?$/);
    expect(newerWords(state)).toMatch(/restored to an older day.*Nothing is deleted/);
    expect(newerWords({ ...state, why: 'stranger' })).toMatch(/somebody else may use its keys/);
    expect([newerAsks(state), newerAsks({ ...state, needsPhrase: true })]).toEqual(['Bring it home', 'Bring it home…']);
  });

  it('says how far it is', () => {
    const bringing: NewerState = { ...state, state: 'bringing', brought: 1, total: 40 };
    expect(newerTitle(bringing, undefined, NOW)).toBe('Newer photos and albums are coming home from Ben.');
    expect(newerWords(bringing)).toBe('1 of 40 photos is here. It goes on by itself.');
    expect(newerPart(bringing)).toBeCloseTo(1 / 40);
    expect(newerPart({ ...bringing, total: 0 })).toBeUndefined();
    expect(newerWords({ ...bringing, state: 'waiting', missing: 2, note: 'there is no room' })).toBe('1 of 40 photos is here. 2 photos are in no copy that answers now. There is no room. It goes on when every home and disk with copies is on.');
  });
});
