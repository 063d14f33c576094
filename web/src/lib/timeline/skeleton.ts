// The shape of a whole timeline in about three bytes a photo: how many photos each day holds, how wide each one is and
// its main colour. It is enough to lay out every row exactly before any detail is known.
// Byte layout: docs/formats/timeline.md; golden files: docs/formats/vectors/timeline/.

/** Photos of one day; `day` is 1 to 31. */
export interface Day {
  day: number;
  count: number;
}

/** One month of the timeline; `first` is the index of its newest photo in the whole timeline. */
export interface Month {
  /** `yyyy-mm`, the month's name in addresses and events. */
  key: string;
  year: number;
  /** 1 to 12. */
  month: number;
  /** Rises with every change of this month. */
  rev: number;
  first: number;
  count: number;
  /** Newest first; their counts add up to `count`. */
  days: Day[];
}

export interface Skeleton {
  rev: number;
  /** Photos described. */
  n: number;
  /** True for an answer to `since=`: each month replaces the known one, and a month without photos is gone. */
  partial: boolean;
  /** Newest first. */
  months: Month[];
  /** One byte a photo, see {@link RATIO}. */
  aspect: Uint8Array;
  /** RGB565, one number a photo. */
  colour: Uint16Array;
}

/** The bytes are not a skeleton that this page can read. */
export class SkeletonError extends Error {}

const MAGIC = 'HTL1';
const HEADER_BYTES = 16;
const MONTH_BYTES = 12;
const PARTIAL = 1;
const LOG_MIN = Math.log(0.2);
const LOG_STEP = (Math.log(5) - LOG_MIN) / 255;

/** Width over height for each aspect byte, 0.2 to 5 in 256 even steps of the logarithm. */
export const RATIO = Float32Array.from({ length: 256 }, (_, a) => Math.exp(LOG_MIN + a * LOG_STEP));

/** The aspect byte nearest to a ratio of width to height. */
export function aspectByte(ratio: number): number {
  return Math.max(0, Math.min(255, Math.round((Math.log(ratio) - LOG_MIN) / LOG_STEP)));
}

/** `yyyy-mm`. */
export function monthKey(year: number, month: number): string {
  return `${String(year).padStart(4, '0')}-${String(month).padStart(2, '0')}`;
}

/** Reads a skeleton; throws {@link SkeletonError} for anything but whole, consistent bytes. */
export function parseSkeleton(bytes: ArrayBuffer): Skeleton {
  const view = new DataView(bytes);
  if (bytes.byteLength < HEADER_BYTES) throw new SkeletonError('shorter than its header');
  const magic = String.fromCharCode(...new Uint8Array(bytes, 0, 4));
  if (magic !== MAGIC) throw new SkeletonError('not a timeline of version 1');
  const rev = view.getUint32(4, true);
  const n = view.getUint32(8, true);
  const monthCount = view.getUint16(12, true);
  const flags = view.getUint16(14, true);
  if (flags & ~PARTIAL) throw new SkeletonError('flags of a later version');
  const partial = (flags & PARTIAL) !== 0;
  const { months, end, total } = parseMonths(view, monthCount, partial);
  if (total !== n) throw new SkeletonError(`months hold ${total} photos, the header says ${n}`);
  const colourAt = end + n + ((end + n) & 1);
  if (bytes.byteLength !== colourAt + 2 * n) throw new SkeletonError('its length does not fit its photos');
  if (colourAt !== end + n && view.getUint8(colourAt - 1) !== 0) throw new SkeletonError('padding is not zero');
  return { rev, n, partial, months, aspect: new Uint8Array(bytes, end, n), colour: new Uint16Array(bytes, colourAt, n) };
}

function parseMonths(view: DataView, monthCount: number, partial: boolean) {
  const months: Month[] = [];
  let at = HEADER_BYTES;
  let first = 0;
  let before = Infinity;
  for (let i = 0; i < monthCount; i++) {
    if (at + MONTH_BYTES > view.byteLength) throw new SkeletonError('ends inside its months');
    const year = view.getUint16(at, true);
    const month = view.getUint8(at + 2);
    const dayCount = view.getUint8(at + 3);
    const count = view.getUint32(at + 4, true);
    const rev = view.getUint32(at + 8, true);
    at += MONTH_BYTES;
    if (month < 1 || month > 12) throw new SkeletonError(`month ${month} does not exist`);
    if (year * 12 + month >= before) throw new SkeletonError('months are not newest first');
    if (count === 0 && !partial) throw new SkeletonError('an empty month in a whole timeline');
    if (at + 4 * dayCount > view.byteLength) throw new SkeletonError('ends inside its days');
    before = year * 12 + month;
    const days = parseDays(view, at, dayCount, count);
    at += 4 * dayCount;
    months.push({ key: monthKey(year, month), year, month, rev, first, count, days });
    first += count;
  }
  return { months, end: at, total: first };
}

function parseDays(view: DataView, at: number, dayCount: number, count: number): Day[] {
  const days: Day[] = [];
  let sum = 0;
  let before = 32;
  for (let i = 0; i < dayCount; i++) {
    const packed = view.getUint32(at + 4 * i, true);
    const day = packed & 255;
    if (day < 1 || day >= before) throw new SkeletonError('days are not newest first');
    if (packed >>> 8 === 0) throw new SkeletonError('an empty day');
    days.push({ day, count: packed >>> 8 });
    before = day;
    sum += packed >>> 8;
  }
  if (sum !== count) throw new SkeletonError(`days hold ${sum} photos, their month says ${count}`);
  return days;
}

/** Writes a skeleton in the bytes that {@link parseSkeleton} reads; the page keeps its last one so. */
export function encodeSkeleton(skeleton: Skeleton): ArrayBuffer {
  const dayCount = skeleton.months.reduce((sum, month) => sum + month.days.length, 0);
  const end = HEADER_BYTES + MONTH_BYTES * skeleton.months.length + 4 * dayCount;
  const colourAt = end + skeleton.n + ((end + skeleton.n) & 1);
  const bytes = new ArrayBuffer(colourAt + 2 * skeleton.n);
  const view = new DataView(bytes);
  for (let i = 0; i < 4; i++) view.setUint8(i, MAGIC.charCodeAt(i));
  view.setUint32(4, skeleton.rev, true);
  view.setUint32(8, skeleton.n, true);
  view.setUint16(12, skeleton.months.length, true);
  view.setUint16(14, skeleton.partial ? PARTIAL : 0, true);
  let at = HEADER_BYTES;
  for (const month of skeleton.months) {
    view.setUint16(at, month.year, true);
    view.setUint8(at + 2, month.month);
    view.setUint8(at + 3, month.days.length);
    view.setUint32(at + 4, month.count, true);
    view.setUint32(at + 8, month.rev, true);
    at += MONTH_BYTES;
    for (const { day, count } of month.days) {
      view.setUint32(at, (day | (count << 8)) >>> 0, true);
      at += 4;
    }
  }
  new Uint8Array(bytes, end, skeleton.n).set(skeleton.aspect);
  new Uint16Array(bytes, colourAt, skeleton.n).set(skeleton.colour);
  return bytes;
}

/** Index into `months` of the month that holds photo `index`, or -1 when there are no photos. */
export function monthOf(months: Month[], index: number): number {
  let low = 0;
  let high = months.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (months[middle].first <= index) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
