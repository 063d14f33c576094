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
  /** CSS colour to draw before the picture is here. */
  colour: string;
}

export type Item = Head | Caption | Cell;

/** Narrower captions than this say nothing. */
const CAPTION_PX_MIN = 64;

/** Rows remembered at most; a screen shows about ten. */
const ROWS_KEPT = 200;

/** Names what is on a stretch of one layout. Rows named before are the same objects, so that what stays is not drawn anew. */
export class Stretch {
  #rows = new Map<number, Item[]>();

  /** `shift` is taken off a photo's index to name it. */
  constructor(
    private readonly skeleton: Skeleton,
    private readonly layout: Layout,
    private readonly shift: number
  ) {}

  /** Everything that touches the stretch from `top` to `bottom`. */
  between(top: number, bottom: number): Item[] {
    const { layout } = this;
    const items: Item[] = [];
    const from = Math.max(0, lastAtMost(layout.rowTop, top));
    const to = Math.min(layout.rows, lastAtMost(layout.rowTop, bottom) + 1);
    let s = Math.max(0, lastAtMost(layout.sectionRow, from, layout.sections.length));
    if (this.#rows.size > ROWS_KEPT) this.#rows.clear();
    for (let row = from; row < to; row++) {
      while (s + 1 < layout.sections.length && row >= layout.sectionRow[s + 1]) s++;
      let known = this.#rows.get(row);
      if (!known) this.#rows.set(row, (known = this.#row(row, s)));
      items.push(...known);
    }
    return items;
  }

  #row(row: number, s: number): Item[] {
    const { skeleton, layout } = this;
    const section = layout.sections[s];
    const y = layout.rowTop[row];
    const height = layout.rowHeight[row];
    const end = layout.rowFirst[row + 1];
    const starts = layout.rowDay[row] && layout.caption > 0 ? dayStarts(skeleton, layout.rowFirst[row], end, section) : undefined;
    const line: Item[] = row === layout.sectionRow[s] ? [{ kind: 'head', key: section.key, y: layout.sectionTop[s], section }] : [];
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
      line.push({ kind: 'photo', key: index - this.shift, index, x, y, width, height, colour: cssColour(skeleton.colour[index]) });
      x += width + layout.gap;
    }
    return line.filter((item) => item.kind !== 'day' || item.width >= CAPTION_PX_MIN);
  }
}

/** Stands for a colour that is not known yet. */
const UNKNOWN = 0x8410;

/** RGB565 as CSS. */
export function cssColour(c: number): string {
  if (c === UNKNOWN) return 'var(--wash)';
  return `rgb(${Math.round(((c >> 11) & 31) * 8.23)},${Math.round(((c >> 5) & 63) * 4.05)},${Math.round((c & 31) * 8.23)})`;
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
