import { expect, test } from 'vitest';
import type { Entry } from '$lib/api/family';
import { layoutTimeline } from '$lib/timeline/layout';
import { gapAt } from './drag';
import { colour565, moved, moveOrders, placed, shapeOf, stepTarget, type Slots } from './entries';

const entry = (content: string, takenAt: string | null = null) => ({ content, takenAt, ratio: 1.5, colour: '#808080' }) as Entry;
const row = (names: string): Slots => [...names].map((name) => (name === '?' ? undefined : entry(name)));
const names = (slots: Slots) => slots.map((slot) => slot?.content ?? '?').join('');
const set = (text: string) => new Set(text);

test('pages fill the list at their place', () => {
  const first = placed([], 6, 0, [entry('a'), entry('b')]);
  expect(names(first)).toBe('ab????');
  expect(names(placed(first, 6, 4, [entry('e'), entry('f')]))).toBe('ab??ef');
  expect(names(placed(row('abc'), 2, 0, [entry('a'), entry('b')]))).toBe('ab');
});

test('nothing stands twice after others moved it', () => {
  expect(names(placed(row('abcd'), 4, 0, [entry('c'), entry('a')]))).toBe('ca?d');
});

test('photos move together and keep their order', () => {
  expect(names(moved(row('abcde'), set('db'), 'a'))).toBe('abdce');
  expect(names(moved(row('abcde'), set('e'), null))).toBe('eabcd');
  expect(names(moved(row('abcde'), set('a'), 'e'))).toBe('bcdea');
  expect(names(moved(row('abcde'), set('a'), 'x'))).toBe('abcde');
});

/** Carries out what home would be told, one after the other. */
function told(slots: Slots, orders: { content: string; after: string | null }[] | undefined): string {
  return names((orders ?? []).reduce((list, { content, after }) => moved(list, set(content), after), slots));
}

test('what home is told leads to what is shown', () => {
  for (const chosen of ['a', 'c', 'e', 'ac', 'bd', 'abc', 'ade']) {
    for (let to = 0; to <= 5; to++) {
      const slots = row('abcde');
      const orders = moveOrders(slots, set(chosen), to);
      if (!orders) continue;
      expect(told(slots, orders), `${chosen} to ${to}`).toBe(names(moved(slots, set(chosen), orders[0].after)));
    }
  }
});

test('a move that changes nothing, or goes where nothing is known, is not told', () => {
  expect(moveOrders(row('abc'), set('b'), 1)).toBeUndefined();
  expect(moveOrders(row('abc'), set('b'), 2)).toBeUndefined();
  expect(moveOrders(row('a?c'), set('c'), 2)).toBeUndefined();
});

test('one step earlier or later', () => {
  const step = (index: number, by: -1 | 1) => told(row('abc'), moveOrders(row('abc'), set('abc'[index]), stepTarget(index, by)));
  expect([step(1, -1), step(1, 1), step(0, 1), step(2, -1)]).toEqual(['bac', 'acb', 'bac', 'acb']);
});

test('by date, the shape has months and days; what has no date stays with its neighbours', () => {
  const slots = [entry('a', '2026-07-12T10:00:00'), entry('b'), entry('c', '2026-07-13T09:00:00'), undefined, entry('e', '2026-08-01T00:00:00')];
  const shape = shapeOf(slots, true);
  expect(shape.months.map(({ year, month, first, count, days }) => ({ year, month, first, count, days }))).toEqual([
    { year: 2026, month: 7, first: 0, count: 4, days: [{ day: 12, count: 2 }, { day: 13, count: 2 }] },
    { year: 2026, month: 8, first: 4, count: 1, days: [{ day: 1, count: 1 }] }
  ]);
  expect(shapeOf(slots, false).months).toHaveLength(1);
  expect(shapeOf([], true).months).toHaveLength(0);
});

test('a month that comes twice has two names', () => {
  const shape = shapeOf(['2026-07-12', '2026-08-12', '2026-07-13'].map((date, i) => entry(String(i), `${date}T10:00:00`)), true);
  expect(new Set(shape.months.map(({ key }) => key)).size).toBe(3);
});

test('colours become 16 bits', () => {
  expect(colour565('#ffffff')).toBe(0xffff);
  expect(colour565('#ff0000')).toBe(0xf800);
  expect(colour565('#00ff00')).toBe(0x07e0);
  expect(colour565(null)).toBe(colour565('green'));
});

test('a pointer finds the gap that it would let photos go into', () => {
  const shape = shapeOf(row('abcdef'), false);
  const layout = layoutTimeline(shape, { width: 900, row: 200, gap: 4, head: 0, caption: 0, tail: 0 });
  expect(layout.rows).toBe(2);
  expect(gapAt(shape, layout, 5, 10)?.index).toBe(0);
  expect(gapAt(shape, layout, 890, 10)?.index).toBe(3);
  expect(gapAt(shape, layout, 5, layout.rowTop[1] + 10)?.index).toBe(3);
  expect(gapAt(shape, layout, 890, 9999)?.index).toBe(6);
  expect(gapAt(shape, layout, 300, -50)?.index).toBe(1);
});
