import { expect, test } from 'vitest';
import { hintOf, hintWords, wrongPhrase } from './hint';

test('a hint is a place, or a place with a guess; anything else is none', () => {
  expect(hintOf(7)).toEqual({ position: 7 });
  expect(hintOf({ position: 7, typed: 'should', likely: 'shoulder' })).toEqual({ position: 7, likely: 'shoulder' });
  expect(hintOf({ position: 7, likely: null })).toEqual({ position: 7, likely: undefined });
  expect([0, 25, 1.5, NaN, '7', null, undefined, {}, { position: '7' }].map(hintOf)).toEqual(Array(9).fill(undefined));
});

test('why a phrase is wrong is a sentence', () => {
  expect(wrongPhrase({ right: false, problem: 'these words belong to another home' })).toEqual({ message: 'These words belong to another home.' });
  expect(wrongPhrase({ right: false, problem: { message: 'One is wrong.', word: { position: 3, likely: 'scissors' } } })).toEqual({ message: 'One is wrong.', hint: { position: 3, likely: 'scissors' } });
  expect(wrongPhrase({ right: false }).message).toContain('not the one of this home');
});

test('a hint says what to look at', () => {
  expect(hintWords({ position: 7, likely: 'shoulder' })).toBe('Word 7 is probably “shoulder”. Compare it with your sheet.');
  expect(hintWords({ position: 7 })).toContain('word 7');
});
