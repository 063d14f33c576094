// What stands on a stretch of the timeline: month heads, day captions and photos, in reading order.

import { formatDay, formatMonth } from '$lib/format';
import { lastAtMost, type Layout } from './layout';
import { RATIO, type Month, type Skeleton } from './skeleton';

export interface Head {
  kind: 'head';
  key: string;
  y: number;
  month: Month;
  title: string;
}

export interface Caption {
  kind: 'day';
  key: string;
  x: number;
  y: number;
  width: number;
  text: string;
}

export interface Cell {
  kind: 'photo';
  key: number;
  index: number;
  x: number;
  y: number;
  width: number;
  height: number;
}

export type Item = Head | Caption | Cell;

/** Narrower captions than this say nothing. */
const CAPTION_PX_MIN = 64;

/** Everything that touches the stretch from `top` to `bottom`. `shift` is taken off a photo's index to name it. */
export function itemsBetween(skeleton: Skeleton, layout: Layout, top: number, bottom: number, shift: number): Item[] {
  const items: Item[] = [];
  const from = Math.max(0, lastAtMost(layout.rowTop, top));
  const to = Math.min(layout.rows, lastAtMost(layout.rowTop, bottom) + 1);
  let m = Math.max(0, lastAtMost(layout.monthRow, from, skeleton.months.length));
  for (let row = from; row < to; row++) {
    while (m + 1 < skeleton.months.length && row >= layout.monthRow[m + 1]) m++;
    const month = skeleton.months[m];
    if (row === layout.monthRow[m]) items.push({ kind: 'head', key: month.key, y: layout.monthTop[m], month, title: formatMonth(month.year, month.month) });
    pushRow(items, skeleton, layout, month, row, shift);
  }
  return items;
}

function pushRow(items: Item[], skeleton: Skeleton, layout: Layout, month: Month, row: number, shift: number): void {
  const y = layout.rowTop[row];
  const height = layout.rowHeight[row];
  const end = layout.rowFirst[row + 1];
  const starts = layout.rowDay[row] && layout.caption > 0 ? dayStarts(month, layout.rowFirst[row], end) : undefined;
  const line: Item[] = [];
  let x = 0;
  let last: Caption | undefined;
  for (let index = layout.rowFirst[row]; index < end; index++) {
    const width = RATIO[skeleton.aspect[index]] * height;
    const day = starts?.get(index);
    if (day !== undefined) {
      if (last) last.width = x - last.x - 10;
      last = { kind: 'day', key: `${month.key}-${day}`, x, y: y - layout.caption, width: layout.width - x, text: formatDay(month.year, month.month, day) };
      line.push(last);
    }
    line.push({ kind: 'photo', key: index - shift, index, x, y, width, height });
    x += width + layout.gap;
  }
  items.push(...line.filter((item) => item.kind !== 'day' || item.width >= CAPTION_PX_MIN));
}

/** Index of each photo in the row at which a day starts, with the day. */
function dayStarts(month: Month, first: number, end: number): Map<number, number> {
  const starts = new Map<number, number>();
  let index = month.first;
  for (const { day, count } of month.days) {
    if (index >= end) break;
    if (index >= first) starts.set(index, day);
    index += count;
  }
  return starts;
}
