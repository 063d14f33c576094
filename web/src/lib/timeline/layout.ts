// Exact geometry of every row of the timeline, in one pass over the skeleton and without an object per photo. Nothing is
// estimated, so nothing has to be corrected later: the scroll position of any photo is known at once.

import { RATIO, type Skeleton } from './skeleton';

/** Measures of the grid in CSS pixels. */
export interface Measures {
  width: number;
  /** Height that rows aim for. */
  row: number;
  gap: number;
  /** Height of a month's head. */
  head: number;
  /** Height of the strip above a row in which a day starts. */
  caption: number;
  /** Space after a month. */
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
  /** Top of each month's head, and one entry more: the height of everything. */
  monthTop: Float64Array;
  /** First row of each month, and one entry more: the number of rows. */
  monthRow: Uint32Array;
}

/** A last row that is not full is drawn at most this much taller than asked. */
const LAST_ROW_STRETCH = 1.15;
/** No row is taller than this, so that one narrow photo doesn't fill a screen. */
const ROW_STRETCH_MAX = 1.6;

/** Lays out the whole timeline. Rows may hold several days; a row in which a day starts gets a caption strip. */
export function layoutTimeline(skeleton: Skeleton, measures: Measures): Layout {
  const { n, months } = skeleton;
  const { gap, head, caption, tail } = measures;
  const rowTop = new Float64Array(n);
  const rowHeight = new Float32Array(n);
  const rowFirst = new Uint32Array(n + 1);
  const rowDay = new Uint8Array(n);
  const monthTop = new Float64Array(months.length + 1);
  const monthRow = new Uint32Array(months.length + 1);
  let y = 0;
  let row = 0;
  for (let m = 0; m < months.length; m++) {
    const { first, count, days } = months[m];
    const end = first + count;
    monthTop[m] = y;
    monthRow[m] = row;
    y += head;
    let day = 0;
    let dayFirst = first; // the first photo of days[day]
    let at = first;
    while (at < end) {
      const { next, height } = fillRow(skeleton.aspect, at, end, measures);
      let starts = 0;
      while (day < days.length && dayFirst < next) {
        starts = 1;
        dayFirst += days[day].count;
        day++;
      }
      if (starts) y += caption;
      rowTop[row] = y;
      rowHeight[row] = height;
      rowFirst[row] = at;
      rowDay[row] = starts;
      row++;
      y += height + gap;
      at = next;
    }
    y += tail;
  }
  rowFirst[row] = n;
  monthTop[months.length] = y;
  monthRow[months.length] = row;
  return {
    ...measures, height: y, rows: row, rowTop: rowTop.slice(0, row), rowHeight: rowHeight.slice(0, row),
    rowFirst: rowFirst.slice(0, row + 1), rowDay: rowDay.slice(0, row), monthTop, monthRow
  };
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
