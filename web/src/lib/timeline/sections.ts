// How a timeline is divided under heads. A busy month stands by itself; where photos are few, months flow together into
// their year and years into a span, so that a handful of old scans doesn't become a page of headings.

import { formatMonth } from '$lib/format';
import type { Month } from './skeleton';

export interface Section {
  /** Stays the same while the section's months do. */
  key: string;
  title: string;
  /** Months from `from` up to but without `to`. */
  from: number;
  to: number;
  first: number;
  count: number;
  /** True when the head names one month, so that captions need not. */
  single: boolean;
}

/** A year with fewer photos for each of its months than this is not divided by month. */
const BUSY_MONTH = 8;
/** Quiet years flow together until a section holds this many. */
const SECTION_LEAST = 14;

export function sectionsOf(months: Month[]): Section[] {
  const sections: Section[] = [];
  let open: { from: number; to: number } | undefined;
  for (let from = 0, to = 0; from < months.length; from = to) {
    while (to < months.length && months[to].year === months[from].year) to++;
    const busy = photosIn(months, from, to) / (to - from) >= BUSY_MONTH;
    if (open && (busy || photosIn(months, open.from, open.to) >= SECTION_LEAST)) {
      sections.push(section(months, open.from, open.to));
      open = undefined;
    }
    if (busy) for (let m = from; m < to; m++) sections.push(section(months, m, m + 1));
    else open = { from: open?.from ?? from, to };
  }
  if (open) sections.push(section(months, open.from, open.to));
  return sections;
}

function photosIn(months: Month[], from: number, to: number): number {
  return months[to - 1].first + months[to - 1].count - months[from].first;
}

function section(months: Month[], from: number, to: number): Section {
  const newest = months[from];
  const oldest = months[to - 1];
  // An album may run from its oldest photo to its newest; the years are said as they passed.
  const [early, late] = [newest.year, oldest.year].sort((a, b) => a - b);
  const single = to - from === 1;
  const years = early === late ? String(early) : `${early} – ${late}`;
  return {
    key: `${newest.key}/${oldest.key}`, title: single ? formatMonth(newest.year, newest.month) : years,
    from, to, first: newest.first, count: photosIn(months, from, to), single
  };
}
