// Exact geometry of every row of the timeline, in one pass over the skeleton and without an object per photo. Nothing is
// estimated, so nothing has to be corrected later: the scroll position of any photo is known at once.

import { sectionsOf, type Section } from './sections';
import { RATIO, type Month, type Skeleton } from './skeleton';

/** Measures of the grid in CSS pixels. */
export interface Measures {
  width: number;
  /** Height that rows aim for. */
  row: number;
  gap: number;
  /** Height of a section's head. */
  head: number;
  /** Height of the strip above a row in which a day starts. */
  caption: number;
  /** Space after a section. */
  tail: number;
}

export interface Layout extends Measures {
  height: number;
  rows: number;
  rowTop: Float64Array;
  rowHeight: Float32Array;
  /** Index of the first photo of each row, and one entry more that ends the last row. */
  rowFirst: Uint32Array;
  /** 1 where a day starts in the row. */
  rowDay: Uint8Array;
  sections: Section[];
  /** Top of each section's head, and one entry more: the height of everything. */
  sectionTop: Float64Array;
  /** First row of each section, and one entry more: the number of rows. */
  sectionRow: Uint32Array;
  /** Where each month begins, and one entry more: the height of everything. */
  monthTop: Float64Array;
}

/** A last row that is not full is drawn at most this much taller than asked. */
const LAST_ROW_STRETCH = 1.15;
/** No row is taller than this, so that one narrow photo doesn't fill a screen. */
const ROW_STRETCH_MAX = 1.6;

/** Lays out the whole timeline. Rows may hold several days; a row in which a day starts gets a caption strip. */
export function layoutTimeline(skeleton: Skeleton, measures: Measures): Layout {
  const { n, months } = skeleton;
  const { gap, head, caption, tail } = measures;
  const sections = sectionsOf(months);
  const rowTop = new Float64Array(n);
  const rowHeight = new Float32Array(n);
  const rowFirst = new Uint32Array(n + 1);
  const rowDay = new Uint8Array(n);
  const sectionTop = new Float64Array(sections.length + 1);
  const sectionRow = new Uint32Array(sections.length + 1);
  const monthTop = new Float64Array(months.length + 1);
  let y = 0;
  let row = 0;
  sections.forEach((section, s) => {
    const end = section.first + section.count;
    const days = new DayCursor(months, section.from);
    sectionTop[s] = y;
    sectionRow[s] = row;
    y += head;
    let at = section.first;
    while (at < end) {
      const { next, height } = fillRow(skeleton.aspect, at, end, measures);
      const starts = days.advance(next);
      if (starts) y += caption;
      rowTop[row] = y;
      rowHeight[row] = height;
      rowFirst[row] = at;
      rowDay[row] = starts ? 1 : 0;
      row++;
      y += height + gap;
      at = next;
    }
    y += tail;
  });
  rowFirst[row] = n;
  sectionTop[sections.length] = y;
  sectionRow[sections.length] = row;
  const layout: Layout = {
    ...measures, height: y, rows: row, rowTop: rowTop.slice(0, row), rowHeight: rowHeight.slice(0, row),
    rowFirst: rowFirst.slice(0, row + 1), rowDay: rowDay.slice(0, row), sections, sectionTop, sectionRow, monthTop
  };
  sections.forEach(({ from, to }, s) => {
    for (let m = from; m < to; m++) monthTop[m] = m === from ? sectionTop[s] : layout.rowTop[rowOf(layout, months[m].first)];
  });
  monthTop[months.length] = y;
  return layout;
}

/** Walks through the days that hold photos, month after month. */
class DayCursor {
  #day = 0;
  #first: number;

  constructor(private readonly months: Month[], private month: number) {
    this.#first = months[month].first;
  }

  /** Tells whether a day starts before photo `next`, and goes on past all that do. */
  advance(next: number): boolean {
    let starts = false;
    while (this.month < this.months.length && this.#first < next) {
      const { days } = this.months[this.month];
      starts = true;
      this.#first += days[this.#day].count;
      this.#day++;
      if (this.#day < days.length) continue;
      this.month++;
      this.#day = 0;
    }
    return starts;
  }
}

/** Takes photos from `at` until the row is full; ends before the photo that would leave it further from the asked height. */
function fillRow(aspect: Uint8Array, at: number, end: number, { width, gap, row }: Measures): { next: number; height: number } {
  let ratios = 0;
  for (let i = at; i < end; i++) {
    const wider = ratios + RATIO[aspect[i]];
    const height = (width - gap * (i - at)) / wider;
    if (height <= row) {
      const without = i > at ? (width - gap * (i - at - 1)) / ratios : Infinity;
      const leave = i > at && without - row < row - height && without <= row * ROW_STRETCH_MAX;
      return leave ? { next: i, height: without } : { next: i + 1, height };
    }
    ratios = wider;
  }
  const full = (width - gap * (end - at - 1)) / ratios;
  return { next: end, height: Math.min(full, row * LAST_ROW_STRETCH) };
}

/** Index of the last entry that is at most `value`, or -1. `values` rise. */
export function lastAtMost(values: Float64Array | Uint32Array, value: number, count = values.length): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (values[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Row that holds photo `index`. */
export function rowOf(layout: Layout, index: number): number {
  return Math.max(0, lastAtMost(layout.rowFirst, index, layout.rows));
}

/** Left edge, top edge, width and height of photo `index` in the whole timeline. */
export function rectOf(skeleton: Skeleton, layout: Layout, index: number): { x: number; y: number; width: number; height: number } {
  const row = rowOf(layout, index);
  const height = layout.rowHeight[row];
  let x = 0;
  for (let i = layout.rowFirst[row]; i < index; i++) x += RATIO[skeleton.aspect[i]] * height + layout.gap;
  return { x, y: layout.rowTop[row], width: RATIO[skeleton.aspect[index]] * height, height };
}
