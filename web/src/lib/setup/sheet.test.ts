import { expect, test } from 'vitest';
import { askedPlaces, sourceProblem, wrongPlaces } from './sheet';

test('three different places are asked for, one from each third of the sheet', () => {
  expect(askedPlaces(24, () => 0)).toEqual([1, 9, 17]);
  expect(askedPlaces(24, () => 0.999_999)).toEqual([8, 16, 24]);
});

test('what was typed is compared with the sheet', () => {
  const phrase = ['city', 'noise', 'scissors', 'open'];
  expect(wrongPlaces(phrase, [1, 3], [' City ', 'scissors'])).toEqual([]);
  expect(wrongPlaces(phrase, [1, 3], ['city', 'open'])).toEqual([3]);
});

test('an invitation is whole, a folder is named', () => {
  expect(sourceProblem('home', `heirloom://pair#${'A'.repeat(40)}`)).toBeUndefined();
  expect(sourceProblem('home', ` https://home.example/family#pair=${'A'.repeat(40)} `)).toBeUndefined();
  expect(sourceProblem('home', 'heirloom://pair#short')).toContain('not a whole invitation');
  expect(sourceProblem('home', `heirloom://pair#${'A'.repeat(40)}\n\nheirloom://pair#${'B'.repeat(40)}\n`)).toBeUndefined();
  expect(sourceProblem('home', `heirloom://pair#${'A'.repeat(40)}\nheirloom://pair#B`)).toContain('not a whole invitation');
  expect(sourceProblem('home', '/media/usb')).toContain('not a whole invitation');
  expect(sourceProblem('disk', '/media/usb')).toBeUndefined();
  expect(sourceProblem('disk', ' ')).toContain('folder');
});
