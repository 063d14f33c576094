// The entries of an album as a list that arrives page by page, and as the shape that the grid lays out.

import type { Entry } from '$lib/api/family';
import { aspectByte, type Day, type Month, type Skeleton } from '$lib/timeline/skeleton';

/** Entries by position; what is not here yet is undefined. */
export type Slots = readonly (Entry | undefined)[];

/** Shape of an entry that is not here yet. */
const UNKNOWN_RATIO = 4 / 3;

/** Puts a page into the list, which is made as long as the album says it is. */
export function placed(slots: Slots, total: number, from: number, page: Entry[]): Slots {
  const next = Array.from({ length: total }, (_, i): Entry | undefined => slots[i]); // no holes: loops would leap over them
  const fresh = new Set(page.map((entry) => entry.content));
  // Others may have moved meanwhile: nothing may stand in the list twice.
  for (let i = 0; i < total; i++) {
    const entry = next[i];
    if (entry && fresh.has(entry.content)) next[i] = undefined;
  }
  page.forEach((entry, i) => {
    if (from + i < total) next[from + i] = entry;
  });
  return next;
}

/** Moves entries, in the order in which they stand, behind `after`; null moves them to the beginning. */
export function moved(slots: Slots, contents: ReadonlySet<string>, after: string | null): Slots {
  const taken = slots.filter((entry) => entry && contents.has(entry.content));
  const rest = slots.filter((entry) => !entry || !contents.has(entry.content));
  const at = after === null ? 0 : rest.findIndex((entry) => entry?.content === after) + 1;
  if (after !== null && at === 0) return slots; // it is not here any more
  return [...rest.slice(0, at), ...taken, ...rest.slice(at)];
}

/**
 * What to tell home so that `contents` come to stand before position `to` of the present list: each with the entry it
 * stands behind, in order. Undefined when the place is not known yet, or nothing would move.
 */
export function moveOrders(slots: Slots, contents: ReadonlySet<string>, to: number): { content: string; after: string | null }[] | undefined {
  let before = to - 1;
  while (before >= 0 && slots[before] && contents.has(slots[before]!.content)) before--;
  if (before >= 0 && !slots[before]) return undefined;
  let after = before < 0 ? null : slots[before]!.content;
  const next = moved(slots, contents, after);
  if (next.every((entry, i) => entry === slots[i])) return undefined;
  return slots.filter((entry): entry is Entry => entry !== undefined && contents.has(entry.content)).map(({ content }) => {
    const order = { content, after };
    after = content;
    return order;
  });
}

/** Index at which a chosen entry comes to stand when it goes one place earlier or later. */
export function stepTarget(index: number, step: -1 | 1): number {
  return step < 0 ? index - 1 : index + 2;
}

/** RGB565 of `#rrggbb`; the mark of an unknown colour for anything else. */
export function colour565(hex: string | null | undefined): number {
  const value = /^#[0-9a-f]{6}$/i.test(hex ?? '') ? parseInt(hex!.slice(1), 16) : -1;
  if (value < 0) return 0x8410;
  return ((value >> 19) << 11) | (((value >> 10) & 63) << 5) | ((value >> 3) & 31);
}

/** The album as the timeline's own shape, so that one layout serves both. `byDate` divides it into months and days. */
export function shapeOf(slots: Slots, byDate: boolean): Skeleton {
  const n = slots.length;
  const aspect = new Uint8Array(n);
  const colour = new Uint16Array(n);
  slots.forEach((entry, i) => {
    aspect[i] = aspectByte(entry && entry.ratio > 0 ? entry.ratio : UNKNOWN_RATIO);
    colour[i] = colour565(entry?.colour);
  });
  return { rev: 0, n, partial: false, months: byDate ? monthsOf(slots) : oneRun(n), aspect, colour };
}

function oneRun(n: number): Month[] {
  return n === 0 ? [] : [{ key: 'all', year: 0, month: 1, rev: 0, first: 0, count: n, days: [{ day: 1, count: n }] }];
}

/** Runs of entries of the same month and day. Entries without a date, or not here yet, stay with those before them. */
function monthsOf(slots: Slots): Month[] {
  const months: Month[] = [];
  let dateBefore = '';
  let day: Day | undefined;
  const firstKnown = slots.find((entry) => entry?.takenAt)?.takenAt?.slice(0, 10) ?? '1970-01-01';
  slots.forEach((entry, i) => {
    const date = entry?.takenAt?.slice(0, 10) ?? (dateBefore || firstKnown);
    if (date.slice(0, 7) !== dateBefore.slice(0, 7)) {
      const [year, month] = date.split('-').map(Number);
      months.push({ key: `${date.slice(0, 7)}@${i}`, year, month, rev: 0, first: i, count: 0, days: [] });
      day = undefined;
    }
    const month = months[months.length - 1];
    if (!day || date !== dateBefore) month.days.push((day = { day: Number(date.slice(8, 10)), count: 0 }));
    day.count++;
    month.count++;
    dateBefore = date;
  });
  return months;
}
