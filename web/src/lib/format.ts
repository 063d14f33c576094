// Numbers, dates and sizes in the words of the reader's own language settings.

const count = new Intl.NumberFormat();
const day = new Intl.DateTimeFormat(undefined, { weekday: 'short', day: 'numeric', month: 'short', timeZone: 'UTC' });
const dayYear = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' });
const monthName = new Intl.DateTimeFormat(undefined, { month: 'long', year: 'numeric', timeZone: 'UTC' });
const monthShort = new Intl.DateTimeFormat(undefined, { month: 'short', year: 'numeric', timeZone: 'UTC' });
const moment = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric', hour: '2-digit', minute: '2-digit', timeZone: 'UTC' });
const date = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' });
const time = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', timeZone: 'UTC' });

export const formatCount = (n: number) => count.format(n);
export const photos = (n: number) => (n === 1 ? '1 photo' : `${count.format(n)} photos`);
export const formatDay = (year: number, month: number, d: number) => day.format(Date.UTC(year, month - 1, d));
export const formatDayYear = (year: number, month: number, d: number) => dayYear.format(Date.UTC(year, month - 1, d));
export const formatMonth = (year: number, month: number) => monthName.format(Date.UTC(year, month - 1, 1));
export const formatMonthShort = (year: number, month: number) => monthShort.format(Date.UTC(year, month - 1, 1));
/** `ms`: local wall clock as if it were UTC, like every capture time here. */
export const formatMoment = (ms: number) => moment.format(ms);
export const formatDate = (ms: number) => date.format(ms);
export const formatTime = (ms: number) => time.format(ms);

/** Bytes in decimal units, as shops and phones count them. */
export function formatBytes(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value < 9.95 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}
