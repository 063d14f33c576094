import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { aspectByte, encodeSkeleton, monthOf, parseSkeleton, RATIO, SkeletonError } from './skeleton';

const folder = new URL('../../../../docs/formats/vectors/timeline/', import.meta.url);
const names = readdirSync(folder);

/** A golden file in an ArrayBuffer of its own. */
function bytes(name: string): ArrayBuffer {
  return Uint8Array.from(readFileSync(new URL(name, folder))).buffer;
}

describe('golden files', () => {
  for (const name of names.filter((file) => /^skeleton-.*\.bin$/.test(file))) {
    test(`${name} is read as written down`, () => {
      const expected = JSON.parse(readFileSync(new URL(name.replace('.bin', '.json'), folder), 'utf8'));
      const got = parseSkeleton(bytes(name));
      expect({ rev: got.rev, n: got.n, partial: got.partial }).toEqual({ rev: expected.rev, n: expected.n, partial: expected.partial });
      const months = got.months.map(({ year, month, rev, first, count, days }) => ({ year, month, month_rev: rev, first, count, days: days.map((d) => [d.day, d.count]) }));
      expect(months).toEqual(expected.months);
      expect([...got.aspect]).toEqual(expected.aspect);
      expect([...got.colour]).toEqual(expected.colour);
      got.aspect.forEach((a, i) => expect(RATIO[a]).toBeCloseTo(expected.ratio[i], 4));
    });

    test(`${name} is written back byte for byte`, () => {
      expect(new Uint8Array(encodeSkeleton(parseSkeleton(bytes(name))))).toEqual(new Uint8Array(bytes(name)));
    });
  }

  for (const [name, why] of Object.entries<string>(JSON.parse(readFileSync(new URL('reject.json', folder), 'utf8')))) {
    test(`${name} is refused: ${why}`, () => expect(() => parseSkeleton(bytes(name))).toThrow(SkeletonError));
  }
});

test('every cut of a good file is refused', () => {
  const good = bytes('skeleton-small.bin');
  for (let length = 0; length < good.byteLength; length++) expect(() => parseSkeleton(good.slice(0, length))).toThrow(SkeletonError);
});

test('aspect bytes name the nearest ratio and clamp at the ends', () => {
  for (const ratio of [0.2, 0.5625, 0.75, 1, 4 / 3, 1.5, 16 / 9, 5]) expect(Math.abs(RATIO[aspectByte(ratio)] / ratio - 1)).toBeLessThan(0.007);
  expect([aspectByte(0.01), aspectByte(40)]).toEqual([0, 255]);
});

test('a photo is found in its month', () => {
  const { months } = parseSkeleton(bytes('skeleton-small.bin'));
  expect([0, 3, 4, 5, 6].map((i) => months[monthOf(months, i)].key)).toEqual(['2026-07', '2026-07', '2026-06', '1969-12', '1969-12']);
  expect(monthOf([], 0)).toBe(-1);
});
