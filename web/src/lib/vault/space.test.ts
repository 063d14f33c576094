import { expect, test } from 'vitest';
import { GB, ofSpace, parseSpace, spaceChoices, spaceText } from './space';

test('amounts are read as people write them', () => {
  expect(['500', '500 GB', '500gb', '1.5 TB', '1,5tb', ' 2 T ', '750g'].map(parseSpace)).toEqual([500, 500, 500, 1500, 1500, 2000, 750].map((gb) => gb * GB));
  expect(['', 'much', '-5', '0', '0.2', '1e9', '5 MB', '2000000 TB'].map(parseSpace)).toEqual(Array(8).fill(undefined));
});

test('amounts are written as one would type them', () => {
  expect([500, 1000, 1500, 12.34, 2000].map((gb) => spaceText(gb * GB))).toEqual(['500 GB', '1 TB', '1.5 TB', '12.3 GB', '2 TB']);
  for (const gb of [10, 250, 1000, 1500]) expect(parseSpace(spaceText(gb * GB))).toBe(gb * GB);
});

test('the amount that fits has room to grow, and its neighbours are offered', () => {
  expect(spaceChoices(214 * GB)).toEqual({ choices: [250, 500, 1000, 2000].map((gb) => gb * GB), fits: 500 * GB });
  expect(spaceChoices(1)).toEqual({ choices: [10, 25, 50, 100].map((gb) => gb * GB), fits: 10 * GB });
  expect(spaceChoices(90_000 * GB).fits).toBe(16_000 * GB);
  expect(spaceChoices(90_000 * GB).choices.length).toBe(4);
});

test('what is used stands before what there is', () => {
  expect(ofSpace(380 * GB, 500 * GB)).toBe('380 GB of 500 GB');
  expect(ofSpace(380 * GB, 0)).toBe('380 GB');
});
