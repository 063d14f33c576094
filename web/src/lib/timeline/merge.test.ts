import { expect, test } from 'vitest';
import { arrivals, mergeSkeleton } from './merge';
import { encodeSkeleton, parseSkeleton, type Skeleton } from './skeleton';
import { synthetic } from './synthetic';

/** Only the months of `whole` that are named, as a partial answer; `gone` months without photos. */
function part(whole: Skeleton, keys: string[], gone: string[] = []): Skeleton {
  const months = whole.months.filter((m) => keys.includes(m.key));
  const aspect = months.flatMap((m) => [...whole.aspect.subarray(m.first, m.first + m.count)]);
  const colour = months.flatMap((m) => [...whole.colour.subarray(m.first, m.first + m.count)]);
  const empty = gone.map((key) => ({ key, year: +key.slice(0, 4), month: +key.slice(5), rev: whole.rev, first: 0, count: 0, days: [] }));
  let first = 0;
  const all = [...months, ...empty].sort((a, b) => (a.key < b.key ? 1 : -1)).map((m) => ({ ...m, first: (first += m.count) - m.count }));
  return { rev: whole.rev, n: aspect.length, partial: true, months: all, aspect: Uint8Array.from(aspect), colour: Uint16Array.from(colour) };
}

test('changed, new and vanished months give the same timeline as fetching it whole', () => {
  const known = synthetic([5, 8, 3, 9], 1);
  const target = synthetic([5, 20, 0, 9, 4], 2);
  target.months = target.months.filter((m) => m.count > 0);
  for (const key of ['2024-12', '2024-09']) target.months.find((m) => m.key === key)!.rev = 1;
  const untouched = (m: { key: string }) => m.key === '2024-12' || m.key === '2024-09';
  for (const m of target.months.filter(untouched)) {
    const old = known.months.find((k) => k.key === m.key)!;
    target.aspect.set(known.aspect.subarray(old.first, old.first + old.count), m.first);
    target.colour.set(known.colour.subarray(old.first, old.first + old.count), m.first);
  }
  const merged = mergeSkeleton(known, part(target, ['2024-11', '2024-08'], ['2024-10']));
  expect(merged).toEqual(target);
  expect(parseSkeleton(encodeSkeleton(merged))).toEqual(target);
});

test('a whole answer takes the place of everything', () => {
  const whole = synthetic([1, 2], 9);
  expect(mergeSkeleton(synthetic([50], 3), whole)).toBe(whole);
});

test('an answer without months moves only the revision', () => {
  const known = synthetic([4, 4], 3);
  expect(mergeSkeleton(known, part({ ...known, rev: 8 }, []))).toEqual({ ...known, rev: 8 });
});

test('arrivals count what came and name the newest month that grew', () => {
  expect(arrivals(synthetic([5, 5, 5]), synthetic([5, 9, 6]))).toEqual({ count: 5, month: '2024-11' });
  expect(arrivals(synthetic([5, 5]), synthetic([5, 2]))).toEqual({ count: 0, month: undefined });
});
