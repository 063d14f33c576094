import { describe, expect, it } from 'vitest';
import { delayWords, homeSaid, lettersOf, partsTitle, silentWords, stateAgo, stateWords, typedWords, whoHas } from './kit';

describe('a part on paper', () => {
  it('is counted in groups while it is typed', () => {
    expect(lettersOf('AB-cd 12\n34')).toBe(8);
    expect(typedWords(' \n')).toBe('');
    expect(typedWords('A'.repeat(23))).toBe('2 of 20 groups typed.');
    expect(typedWords('A'.repeat(160))).toBe('All 20 groups are typed.');
    expect(typedWords('A'.repeat(161))).toMatch(/161 letters/);
  });
});

describe('the wait', () => {
  it('is told in days, near its end in hours', () => {
    expect(delayWords(168)).toBe('7 days');
    expect(delayWords(28)).toBe('1 day and 4 hours');
    expect(delayWords(5)).toBe('5 hours');
    expect(delayWords(0)).toBe('1 hour');
  });

  it('says how many parts are here', () => {
    const asking = { name: 'Anna', askedAt: '2026-01-01T00:00:00Z', homes: [], places: [], papers: [], silent: [], over: false };
    expect(partsTitle({ ...asking, have: 0 })).toBe('No part is here yet');
    expect(partsTitle({ ...asking, have: 0, needed: 2 })).toBe('None of the 2 parts is here');
    expect(partsTitle({ ...asking, have: 1, needed: 2 })).toBe('1 of 2 parts is here');
    expect(partsTitle({ ...asking, have: 2, needed: 3 })).toBe('2 of 3 parts are here');
    expect(partsTitle({ ...asking, have: 2, needed: 2 })).toBe('All parts are here');
    expect(partsTitle({ ...asking, have: 2, needed: 2, states: [{ id: 's', madeAt: '2026-01-01T00:00:00Z', places: [] }] })).toBe('Ready to come back');
  });

  it('says what each home said and what to do', () => {
    expect(homeSaid({ id: 'a', name: 'Ben', state: 'asked', words: 'a b c d e f' }).advice).toMatch(/six words/);
    expect(homeSaid({ id: 'a', name: 'Ben', state: 'waits', hoursLeft: 168 }).text).toMatch(/7 days/);
    expect(homeSaid({ id: 'a', name: 'Ben', state: 'away' }).text).toMatch(/tried again/);
  });
});

describe('what can come back', () => {
  const state = { id: 's', madeAt: '2026-11-21T14:05:00Z', places: ['Ben', 'Nonna'] };

  it('is told with its date and with who has it', () => {
    expect(stateWords(state)).toMatch(/21.*2026/);
    expect(stateAgo(state, Date.parse('2026-11-21T16:10:00Z'))).toBe('2 hours ago');
    expect(stateAgo(state, Date.parse('2027-11-21T16:10:00Z'))).toBe('');
    expect(whoHas(state)).toBe('Ben and Nonna have it.');
    expect(whoHas({ ...state, places: ['Ben'] })).toBe('Ben has it.');
    expect(whoHas({ ...state, places: [] })).toBe('');
  });

  it('says who may have something newer', () => {
    expect(silentWords(['/media/usb'])).toMatch(/^\/media\/usb does not answer now.*plug it in/);
    expect(silentWords(['Ben', 'Theo'])).toMatch(/^Ben and Theo do not answer/);
  });
});
