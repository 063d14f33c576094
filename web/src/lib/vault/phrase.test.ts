import { expect, test } from 'vitest';
import { completed, completions, likely, phraseState, stateOf, textOf, wordsIn } from './phrase';

/** A real phrase; it belongs to nobody. */
const PHRASE = 'city noise scissors open hospital neither shoulder document erode puzzle mean thumb mother chair fat pill hurry scale famous chicken seat resemble swing anger'.split(' ');
const instead = (at: number, word: string) => PHRASE.map((right, i) => (i === at ? word : right));

test('words are read from what people paste', () => {
  expect(wordsIn('1. city 2. noise\n3) Scissors, open')).toEqual(['city', 'noise', 'scissors', 'open']);
  expect(wordsIn('1.city  2:noise 07 scissors')).toEqual(['city', 'noise', 'scissors']);
  expect(wordsIn('  ')).toEqual([]);
  expect(wordsIn('a '.repeat(10_000)).length).toBeLessThanOrEqual(1000);
});

test('a word is right, begun or unknown', () => {
  expect(['', 'city', ' City ', 'cit', 'citw', 'zzz'].map(stateOf)).toEqual(['empty', 'right', 'right', 'begun', 'unknown', 'unknown']);
});

test('words that begin like this are offered, a whole one is not offered again', () => {
  expect(completions('s')).toEqual([]);
  expect(completions('sci')).toEqual(['science', 'scissors']);
  expect(completions('scissors')).toEqual([]);
  expect(completions('add')).toEqual(['add', 'addict', 'address']);
  expect(completions('con').length).toBe(4);
});

test('four letters name a word, fewer do not', () => {
  expect(completed('hosp')).toBe('hospital');
  expect(completed('HOSP')).toBe('hospital');
  expect(completed('hos')).toBe('hos');
  expect(completed('city')).toBe('city');
  expect(completed('xyzw')).toBe('xyzw');
});

test('the likely word is the nearest, its beginning counting most', () => {
  expect(likely('noyse')).toContain('noise');
  expect(likely('should')[0]).toBe('shoulder');
  expect(likely('hospitla')[0]).toBe('hospital');
  expect(likely('chikcen')[0]).toBe('chicken');
  expect(likely('resembel')[0]).toBe('resemble');
  expect(likely('city')).toEqual([]);
  expect(likely('')).toEqual([]);
  expect(likely('qqqqqqqqqqqq')).toEqual([]);
});

test('a phrase is incomplete, holds strangers, does not fit, or is whole', () => {
  expect(phraseState(PHRASE)).toEqual({ kind: 'whole' });
  expect(phraseState(PHRASE.map((word) => ` ${word.toUpperCase()} `))).toEqual({ kind: 'whole' });
  expect(phraseState(instead(6, ''))).toEqual({ kind: 'incomplete', missing: 1 });
  expect(phraseState(instead(6, 'should'))).toEqual({ kind: 'unknown', places: [7] });
  expect(phraseState(instead(6, 'shove'))).toEqual({ kind: 'checksum' });
  expect(phraseState([PHRASE[1], PHRASE[0], ...PHRASE.slice(2)])).toEqual({ kind: 'checksum' });
});

test('home gets plain words', () => {
  expect(textOf([' City', 'NOISE '])).toBe('city noise');
});
