// What stands on a stretch of the timeline: heads, day captions and photos, in reading order.

import { formatDay, formatDayYear } from '$lib/format';
import { lastAtMost, type Layout } from './layout';
import type { Section } from './sections';
import { monthOf, RATIO, type Skeleton } from './skeleton';

export interface Head {
  kind: 'head';
  key: string;
  y: number;
  section: Section;
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
  let s = Math.max(0, lastAtMost(layout.sectionRow, from, layout.sections.length));
  for (let row = from; row < to; row++) {
    while (s + 1 < layout.sections.length && row >= layout.sectionRow[s + 1]) s++;
    const section = layout.sections[s];
    if (row === layout.sectionRow[s]) items.push({ kind: 'head', key: section.key, y: layout.sectionTop[s], section });
    pushRow(items, skeleton, layout, section, row, shift);
  }
  return items;
}

function pushRow(items: Item[], skeleton: Skeleton, layout: Layout, section: Section, row: number, shift: number): void {
  const y = layout.rowTop[row];
  const height = layout.rowHeight[row];
  const end = layout.rowFirst[row + 1];
  const starts = layout.rowDay[row] && layout.caption > 0 ? dayStarts(skeleton, layout.rowFirst[row], end, section) : undefined;
  const line: Item[] = [];
  let x = 0;
  let last: Caption | undefined;
  for (let index = layout.rowFirst[row]; index < end; index++) {
    const width = RATIO[skeleton.aspect[index]] * height;
    const day = starts?.get(index);
    if (day !== undefined) {
      if (last) last.width = x - last.x - 10;
      last = { kind: 'day', key: `${section.key} ${day.key}`, x, y: y - layout.caption, width: layout.width - x, text: day.text };
      line.push(last);
    }
    line.push({ kind: 'photo', key: index - shift, index, x, y, width, height });
    x += width + layout.gap;
  }
  items.push(...line.filter((item) => item.kind !== 'day' || item.width >= CAPTION_PX_MIN));
}

/** Index of each photo in the row at which a day starts, with the day's name. */
function dayStarts(skeleton: Skeleton, first: number, end: number, section: Section): Map<number, { key: string; text: string }> {
  const starts = new Map<number, { key: string; text: string }>();
  for (let m = monthOf(skeleton.months, first); m < section.to && skeleton.months[m].first < end; m++) {
    const { key, year, month, days } = skeleton.months[m];
    let index = skeleton.months[m].first;
    for (const { day, count } of days) {
      if (index >= end) break;
      if (index >= first) starts.set(index, { key: `${key}-${day}`, text: section.single ? formatDay(year, month, day) : formatDayYear(year, month, day) });
      index += count;
    }
  }
  return starts;
}
