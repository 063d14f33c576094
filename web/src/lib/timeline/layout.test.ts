import { expect, test } from 'vitest';
import { lastAtMost, layoutTimeline, rectOf, rowOf, type Measures } from './layout';
import { RATIO } from './skeleton';
import { synthetic } from './synthetic';

const desktop: Measures = { width: 1200, row: 208, gap: 4, head: 64, caption: 26, tail: 18 };
const phone: Measures = { width: 390, row: 118, gap: 2, head: 48, caption: 0, tail: 12 };

for (const [name, measures] of Object.entries({ desktop, phone })) {
  test(`${name}: rows fill the width, except a month's last one, which never runs over`, () => {
    const skeleton = synthetic([900, 1, 37, 2400, 2]);
    const layout = layoutTimeline(skeleton, measures);
    const last = new Set(Array.from(layout.sectionRow.subarray(1), (row) => row - 1));
    for (let row = 0; row < layout.rows; row++) {
      let width = -measures.gap;
      for (let i = layout.rowFirst[row]; i < layout.rowFirst[row + 1]; i++) width += RATIO[skeleton.aspect[i]] * layout.rowHeight[row] + measures.gap;
      if (last.has(row)) expect(width).toBeLessThanOrEqual(measures.width + 0.6);
      else expect(Math.abs(width - measures.width)).toBeLessThan(0.6);
      expect(layout.rowHeight[row]).toBeLessThanOrEqual(measures.row * 1.6 + 0.01);
    }
  });

  test(`${name}: every photo stands in exactly one row, rows never cross sections or overlap`, () => {
    const skeleton = synthetic([50, 3, 800]);
    const layout = layoutTimeline(skeleton, measures);
    expect([layout.rowFirst[0], layout.rowFirst[layout.rows]]).toEqual([0, skeleton.n]);
    for (let row = 0; row < layout.rows; row++) expect(layout.rowFirst[row + 1]).toBeGreaterThan(layout.rowFirst[row]);
    layout.sections.forEach((section, s) => expect(layout.rowFirst[layout.sectionRow[s]]).toBe(section.first));
    skeleton.months.forEach((month, m) => expect(layout.monthTop[m]).toBeLessThanOrEqual(layout.rowTop[rowOf(layout, month.first)]));
    for (let row = 1; row < layout.rows; row++) expect(layout.rowTop[row]).toBeGreaterThanOrEqual(layout.rowTop[row - 1] + layout.rowHeight[row - 1] + measures.gap - 0.01);
    expect(layout.monthTop[skeleton.months.length]).toBe(layout.height);
  });
}

test('captions stand where a day starts', () => {
  const skeleton = synthetic([60]); // 1 photo on the 20th, 57 on the 9th, 2 on the 2nd
  const layout = layoutTimeline(skeleton, desktop);
  const starting = [...layout.rowDay.keys()].filter((row) => layout.rowDay[row]);
  expect(starting).toContain(rowOf(layout, 0));
  expect(starting).toContain(rowOf(layout, 1));
  expect(starting).toContain(rowOf(layout, 58));
  expect(starting.length).toBeLessThanOrEqual(3);
});

test('a photo is found again at its place', () => {
  const skeleton = synthetic([500, 500]);
  const layout = layoutTimeline(skeleton, desktop);
  for (const index of [0, 1, 499, 500, 777, 999]) {
    const rect = rectOf(skeleton, layout, index);
    const row = lastAtMost(layout.rowTop, rect.y + 1);
    expect(layout.rowFirst[row]).toBeLessThanOrEqual(index);
    expect(layout.rowFirst[row + 1]).toBeGreaterThan(index);
    expect(rect.x + rect.width).toBeLessThanOrEqual(desktop.width + 0.6);
  }
});

test('nothing to lay out is no error', () => {
  expect(layoutTimeline(synthetic([]), desktop)).toMatchObject({ height: 0, rows: 0 });
});
