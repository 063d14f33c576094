// Made-up timelines for tests.

import { aspectByte, monthKey, type Month, type Skeleton } from './skeleton';

/** A timeline of `counts[i]` photos in the i-th month before January 2025, a few days each. */
export function synthetic(counts: number[], rev = 1): Skeleton {
  const shapes = [4 / 3, 3 / 4, 3 / 2, 16 / 9, 9 / 16, 1, 2.4, 0.3].map(aspectByte);
  const n = counts.reduce((sum, count) => sum + count, 0);
  const months: Month[] = [];
  let first = 0;
  counts.forEach((count, i) => {
    const year = 2024 - Math.floor(i / 12);
    const month = 12 - (i % 12);
    const days = count > 3 ? [{ day: 20, count: 1 }, { day: 9, count: count - 3 }, { day: 2, count: 2 }] : [{ day: 5, count }];
    months.push({ key: monthKey(year, month), year, month, rev, first, count, days });
    first += count;
  });
  const aspect = Uint8Array.from({ length: n }, (_, i) => shapes[(i * 7 + (i >> 3)) % shapes.length]);
  return { rev, n, partial: false, months, aspect, colour: Uint16Array.from({ length: n }, (_, i) => i & 0xffff) };
}
