import { expect, test } from 'vitest';
import { sectionsOf } from './sections';
import { synthetic } from './synthetic';

test('busy months stand by themselves', () => {
  const { months } = synthetic([40, 8, 90]);
  expect(sectionsOf(months).map(({ from, to, single }) => [from, to, single])).toEqual([[0, 1, true], [1, 2, true], [2, 3, true]]);
});

test('a quiet year is one section, quiet years flow together, a busy one ends the span', () => {
  const counts = [...Array(12).fill(3), ...Array(12).fill(1), ...Array(12).fill(1), ...Array(12).fill(20)];
  const { months } = synthetic(counts);
  const sections = sectionsOf(months);
  expect(sections.slice(0, 3).map(({ title, count }) => [title, count])).toEqual([['2024', 36], ['2022 – 2023', 24], ['December 2021', 20]]);
  expect(sections).toHaveLength(14);
});

test('sections cover every photo once, in order', () => {
  const { months, n } = synthetic([1, 1, 50, 2, 3, 1, 1, 1, 1, 1, 1, 1, 9, 1, 1, 70, 1]);
  let first = 0;
  for (const section of sectionsOf(months)) {
    expect(section.first).toBe(first);
    first += section.count;
  }
  expect(first).toBe(n);
  expect(sectionsOf([])).toEqual([]);
});
