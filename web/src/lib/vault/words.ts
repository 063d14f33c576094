// The safety of photos in words that a grandparent understands: homes, copies, when they were last checked.

import { timeOf, type Moment } from '$lib/api/family';
import type { AssetCopies, CheckDay, Drill, Keeper, Level, Place, Reason, Restoring, VaultStatus, Ward } from '$lib/api/vault';
import { ago, counted, dateWords, listed } from '$lib/family/words';
import { formatBytes, formatCount, photos } from '$lib/format';
import { sentence } from './hint';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

const month = new Intl.DateTimeFormat(undefined, { month: 'long', year: 'numeric' });

/** One short line for the foot of the rail; names nothing that is a place of its own there. */
export function railWords(status: VaultStatus): string {
  if (status.restoring) return 'Everything is coming back';
  if (status.replaced) return 'Replaced by another computer';
  switch (status.level) {
    case 'safe': return `Safe: complete in ${homes(status.completeHomes)}`;
    case 'attention': return 'Copies need a look';
    case 'danger': return 'Not safe now';
    default: return 'No copies in other homes yet';
  }
}

/** `2 other homes`. */
export function homes(n: number): string {
  return counted(n, 'other home');
}

const LEVEL_WORDS: Record<Level, string> = { safe: 'Safe', attention: 'Needs a look', danger: 'Not safe now', off: 'Not set up' };

/** What stands over the sentence. */
export function levelWords({ level, replaced, restoring }: VaultStatus): string {
  if (restoring) return 'Coming back';
  return replaced ? 'Replaced' : LEVEL_WORDS[level];
}

/** Whether one more home would mend what is wrong. */
export function wantsHome(reasons: Reason[]): boolean {
  return reasons.some(({ kind }) => ['noHome', 'oneHome', 'refused', 'absent', 'replaced', 'full'].includes(kind));
}

export type Tone = 'good' | 'quiet' | 'amber' | 'red';

export interface Said {
  tone: Tone;
  text: string;
  /** What to do, where there is something. */
  advice?: string;
}

/** What a home that keeps copies is doing; `total`: photos in this home. */
export function keeperSaid(keeper: Keeper, total: number, now: number): Said {
  const seen = timeOf(keeper.lastSeenAt);
  const since = seen === undefined ? '' : `, last heard from ${ago(seen, now)}`;
  switch (keeper.state) {
    case 'asked': return { tone: 'quiet', text: 'Asked. Waiting for somebody there to say yes.' };
    case 'refused': return { tone: 'amber', text: 'Said no for now.', advice: 'Talk to them, then ask again, perhaps for less.' };
    case 'offline': return { tone: 'quiet', text: `Off${since}.` };
    case 'warning': return { tone: 'amber', text: `Off for a while${since}.`, advice: 'Ask whether the computer there is on.' };
    case 'leaving': return { tone: 'quiet', text: 'Keeps your copies until enough other homes have them.' };
    case 'absent': return { tone: 'red', text: `Away too long${since}.`, advice: 'Call them. If it will not return, ask another home to keep copies.' };
    case 'full': return { tone: 'amber', text: 'Full. New photos find no room there.', advice: 'Ask for more space, or another home.' };
    case 'diskAbsent': return { tone: 'amber', text: 'On, but its disk is not connected. Nothing is lost.', advice: 'Ask somebody there to plug the disk in again.' };
    default: {
      if (keeper.photos >= total) return { tone: 'good', text: 'Has everything.' };
      const left = leftWords(keeper.hoursLeft);
      return { tone: 'quiet', text: `${keeper.photos === 0 ? 'The first photos are on their way' : 'Photos are on their way'}${left ? `, ${left}` : ''}.` };
    }
  }
}

/** `about 3 days left`, `about 5 hours left`; nothing while that is not known. */
export function leftWords(hours: number | null | undefined): string {
  if (hours === null || hours === undefined || hours < 0) return '';
  if (hours < 0.25) return 'a few minutes left';
  if (hours < 1) return 'less than an hour left';
  if (hours < 36) return `about ${counted(Math.round(hours), 'hour')} left`;
  if (hours < 24 * 21) return `about ${counted(Math.round(hours / 24), 'day')} left`;
  return `about ${counted(Math.round(hours / 24 / 7), 'week')} left`;
}

/** How far the first copies are, while they are on their way: how much, how long still, and what to do. */
export function sendingWords({ pending, reasons }: VaultStatus): string | undefined {
  if (!reasons.some(({ kind }) => kind === 'uploading')) return undefined;
  const left = leftWords(pending.hoursLeft);
  const long = (pending.hoursLeft ?? 0) >= 20 ? ' It goes on where it was when a computer was off.' : '';
  return left ? `${left.charAt(0).toUpperCase()}${left.slice(1)}, as fast as in the last hour.${long}` : undefined;
}

/** How much of all that is to be sent is there, 0 to 1: of each home that takes copies the same share. */
export function sentPart({ keepers, photos: all }: VaultStatus): number {
  const taking = keepers.filter(({ state }) => !['asked', 'refused', 'leaving', 'absent'].includes(state));
  return taking.length ? taking.reduce((sum, keeper) => sum + part(keeper.photos, all.total), 0) / taking.length : 0;
}

/** How a home is reached, where it is on. */
export function pathWords(path: Keeper['path']): string {
  return { lan: 'In the same house network', direct: 'Connected directly', relay: 'Through a relay', off: '' }[path];
}

/** `12,480 of 12,492 photos`. */
export function howMany(have: number, total: number): string {
  return have >= total ? `All ${photos(total)}` : `${formatCount(have)} of ${photos(total)}`;
}

/** The part of all photos that is there, 0 to 1. */
export function part(have: number, total: number): number {
  return total > 0 ? Math.min(1, have / total) : 1;
}

/** `checked 3 days ago`, or that it was not checked yet. */
export function checkedWords(at: Moment | null, now: number): string {
  const ms = timeOf(at);
  return ms === undefined ? 'not checked yet' : `checked ${ago(ms, now)}`;
}

/** `6 GB more a month, full about July 2028`; undefined while nothing is known. */
export function growthWords(growth: number | null, fullAt: Moment | null, now: number): string | undefined {
  const full = timeOf(fullAt);
  const grows = growth && growth > 0 ? `${formatBytes(growth)} more a month` : undefined;
  const ends = full === undefined ? undefined : fullWords(full, now);
  return [grows, ends].filter(Boolean).join(', ') || undefined;
}

/** `full about July 2028`; soon, in weeks or days; far away, not for years. */
export function fullWords(full: number, now: number): string {
  const days = Math.round((full - now) / DAY);
  if (days <= 0) return 'full now';
  if (days < 14) return `full in ${counted(days, 'day')}`;
  if (days < 60) return `full in ${counted(Math.round(days / 7), 'week')}`;
  if (days > 10 * 365) return 'not full for many years';
  return `full about ${month.format(full)}`;
}

/** What two homes keep for each other, in one sentence each: `You keep 420 GB for Anna, Anna keeps 380 GB for you.` */
export function mutualWords(name: string, keeper: Keeper | undefined, ward: Ward | undefined): string | undefined {
  const theirs = keeper && !['asked', 'refused'].includes(keeper.state) ? (keeper.bytes > 0 ? `${name} keeps ${formatBytes(keeper.bytes)} for you` : `${name} will keep copies for you`) : undefined;
  const ours = ward && (ward.state === 'ending' ? `You no longer take copies of ${name}` : ward.bytes > 0 ? `You keep ${formatBytes(ward.bytes)} for ${name}` : `You will keep copies for ${name}`);
  if (ours && theirs) return `${ours}, ${theirs}.`;
  if (ours) return `${ours}.`;
  if (theirs) return `${theirs}.`;
  if (keeper?.state === 'asked') return `You asked ${name} to keep copies.`;
  if (keeper?.state === 'refused') return `${name} said no to keeping copies for now.`;
  return undefined;
}

/** Where room ends, for a home's card: `286 GB free there, full about July 2028.` */
export function growthLine(keeper: Keeper | undefined, ward: Ward | undefined, now: number): string | undefined {
  const lines: string[] = [];
  if (keeper && keeper.free !== null && !['asked', 'refused'].includes(keeper.state)) lines.push(roomWords(keeper.free, 'free there', keeper.fullAt, now));
  if (ward && ward.free !== null) lines.push(roomWords(ward.free, 'free here', ward.fullAt, now));
  return lines.length ? `${lines.join('; ')}.` : undefined;
}

function roomWords(free: number, where: string, fullAt: Moment | null, now: number): string {
  const full = timeOf(fullAt);
  return `${formatBytes(Math.max(0, free))} ${where}${full === undefined ? '' : `, ${fullWords(full, now)}`}`;
}

/** What is to be said of a home that this one keeps copies for; undefined where all is as agreed. */
export function wardSaid({ state }: Ward): Said | undefined {
  switch (state) {
    case 'ending': return { tone: 'quiet', text: 'Ended. Nothing new is taken, and what is here is held for 30 days.' };
    case 'diskAbsent': return { tone: 'amber', text: 'The disk with these copies is not connected.', advice: 'Plug it into this computer again. Nothing is lost.' };
    default: return undefined;
  }
}

/** How a disk or a store stands. */
export function placeSaid(place: Place): Said {
  switch (place.state) {
    case 'ok': return { tone: 'good', text: 'Ready.' };
    case 'leaving': return { tone: 'quiet', text: 'No longer used.' };
    case 'full': return { tone: 'amber', text: 'Full. New photos find no room there.', advice: 'Use a larger disk.' };
    case 'diskAbsent': return place.kind === 'folder' ? { tone: 'quiet', text: 'Not plugged in. Its copies are kept as they are.' } : { tone: 'amber', text: 'Cannot be reached now.' };
    default: return { tone: 'amber', text: sentence(place.state) };
  }
}

/** What a restore from scratch would bring back today. */
export function ifLostWords(status: VaultStatus, now: number): string[] {
  const { ifLostNow: lost, photos: all } = status;
  if (status.reasons.some(({ kind }) => kind === 'booksOwed')) return ['Nobody here can say that now: the list of the copies was lost, and is made anew from them. Nothing is deleted anywhere meanwhile.'];
  if (all.total === 0) return ['There are no photos here yet.'];
  const begun = status.keepers.some(({ state, packs }) => state === 'ok' && packs > 0);
  if (lost.photos === 0) return [begun ? 'Nothing could be brought back yet: the first copies are only on their way.' : 'Nothing could be brought back: the photos are only on this computer.'];
  const newest = timeOf(lost.newestAt);
  const upTo = newest === undefined ? '' : `, the newest from ${whenWords(newest, now)}`;
  const back = lost.photos >= all.total ? `All ${photos(all.total)} would come back.` : `${formatCount(lost.photos)} of ${photos(all.total)} would come back${upTo}.`;
  const unsafe = lost.unsafePhotos > 0 ? [`${photos(lost.unsafePhotos)} would be gone: ${lost.unsafePhotos === 1 ? 'it is' : 'they are'} not in another home yet.`] : [];
  const away = status.keepers.some(({ photos }) => photos > 0) ? 'one of the homes above' : 'the disk above, if it is not lost with the computer';
  return [back, ...unsafe, `You would need your 24 words and ${away}.${hoursWords(lost.hoursAt40Mbit)}`];
}

function hoursWords(hours: number | null): string {
  if (hours === null || hours < 0) return '';
  const long = hours < 1 ? 'less than an hour' : hours < 48 ? `about ${counted(Math.round(hours), 'hour')}` : `about ${counted(Math.round(hours / 24), 'day')}`;
  return ` The pictures come first; every original is back after ${long} over an ordinary line.`;
}

/** `today, 18:40`, `yesterday`, `3 May`. */
export function whenWords(ms: number, now: number): string {
  const said = ago(ms, now);
  return said.startsWith('on ') ? dateWords(ms, now) : said;
}

export const CHECK_DAYS = 30;

/** One day's checks, or that there were none, for each of the last {@link CHECK_DAYS} days, the oldest first. */
export function lastDays(history: CheckDay[], now: number): CheckDay[] {
  const known = new Map(history.map((day) => [day.day.slice(0, 10), day]));
  return Array.from({ length: CHECK_DAYS }, (_, i) => {
    const day = new Date(now - (CHECK_DAYS - 1 - i) * DAY).toISOString().slice(0, 10);
    return known.get(day) ?? { day, ok: 0, wrong: 0, missing: 0, offline: 0 };
  });
}

/** What the checks of some days came to; `whole`: when every copy was last checked, in words. */
export function checksWords(days: CheckDay[], whole?: string): string {
  const sum = (of: (day: CheckDay) => number) => days.reduce((total, day) => total + of(day), 0);
  const [ok, bad, offline] = [sum((day) => day.ok), sum((day) => day.wrong + day.missing), sum((day) => day.offline)];
  if (ok + bad + offline === 0) return whole ? `Every copy was checked ${whole}, when it was made.` : `No copy was checked in the last ${counted(days.length, 'day')}.`;
  const first = days.findIndex((day) => day.ok + day.wrong + day.missing + day.offline > 0);
  const during = days.length - first === 1 ? 'Today' : `In the last ${counted(days.length - first, 'day')}`;
  const rest = `${offline > 0 ? ` ${counted(offline, 'question')} met a home that was off.` : ''}${whole ? ` Every copy was last checked ${whole}.` : ''}`;
  if (ok + bad === 0) return `${during} no home could be asked.${rest}`;
  const found = bad === 0 ? 'every one was right' : `${counted(bad, 'was', 'were')} not right and ${bad === 1 ? 'is' : 'are'} being replaced`;
  return `${during} ${counted(ok + bad, 'sample')} of your copies ${ok + bad === 1 ? 'was' : 'were'} asked for; ${found}.${rest}`;
}

/** One drill: `200 photos came back from Anna and were the same, bit for bit.` */
export function drillWords({ photos: same, bytes, problems, from }: Drill): string {
  const where = from ? ` from ${from}` : '';
  const replaced = `${problems === 1 ? 'is' : 'are'} being replaced`;
  if (same === 0 && problems === 0) return `No photo could be fetched${where}.`;
  if (same === 0) return `${photos(problems)} did not come back${where} as ${problems === 1 ? 'it was' : 'they were'} and ${replaced}.`;
  if (problems === 0) return `${photos(same)} (${formatBytes(bytes)}) came back${where} and ${same === 1 ? 'was' : 'were'} the same, bit for bit.`;
  return `${photos(same)} came back${where} as ${same === 1 ? 'it was' : 'they were'}; ${formatCount(problems)} did not and ${replaced}.`;
}

/** Where one photo is: `Here, in 2 other homes and on a disk of yours.` */
export function copiesWords(copies: AssetCopies): Said {
  const others = copies.copies.filter((copy) => copy.household).length;
  const places = copies.copies.length - others;
  const elsewhere = [others ? `in ${homes(others)}` : '', places ? `on ${places === 1 ? 'a disk' : `${places} disks`} of yours` : ''].filter(Boolean);
  if (copies.original === 'here') return elsewhere.length ? { tone: others > 1 ? 'good' : 'quiet', text: `${listed(['Here', ...elsewhere])}.` } : { tone: 'amber', text: 'Only here so far.' };
  const broken = copies.original === 'damaged' ? 'The file here is damaged.' : 'The original is not here yet.';
  return elsewhere.length ? { tone: 'quiet', text: `${broken} It is whole ${listed(elsewhere)} and comes back by itself.` } : { tone: 'red', text: `${broken} No whole copy is known.` };
}

export const STAGES: { stage: RestoreStep; label: string; means: string }[] = [
  { stage: 'contact', label: 'Finding your copies', means: 'Asking the home or the disk that you named.' },
  { stage: 'tables', label: 'Albums, names and people', means: 'Accounts, albums, captions, favourites and the homes you know.' },
  { stage: 'pictures', label: 'Pictures to look at', means: 'Small and screen-sized pictures of every photo.' },
  { stage: 'originals', label: 'Every original', means: 'The files themselves, bit for bit.' }
];
export type RestoreStep = 'contact' | 'tables' | 'pictures' | 'originals';

/** How far a restore is, in words and as a part; `undefined` part while the amount is not known. */
export function restoreProgress(restoring: Restoring): { words: string; part: number | undefined } {
  const { stage, done, total, bytes, totalBytes } = restoring;
  const counts = { contact: '', tables: '', pictures: 'pictures', originals: 'originals', done: '', failed: '' }[stage];
  const amount = totalBytes > 0 ? `${formatBytes(bytes)} of ${formatBytes(totalBytes)}` : bytes > 0 ? formatBytes(bytes) : '';
  const number = counts && total > 0 ? `${formatCount(done)} of ${formatCount(total)} ${counts}` : '';
  const share = totalBytes > 0 ? bytes / totalBytes : total > 0 ? done / total : undefined;
  return { words: [number, amount].filter(Boolean).join(', '), part: share === undefined ? undefined : Math.min(1, share) };
}

/** The sentence of the Safety page while everything comes back. */
export function restoringTitle({ stage }: Restoring): string {
  if (stage === 'originals') return 'Your originals are coming back.';
  return stage === 'pictures' ? 'Your pictures are coming back.' : 'Your home is coming back.';
}

/** What the shell says while everything comes back: `Your originals are coming back: 5,102 of 12,492.` */
export function restoringWords(restoring: Restoring): string {
  const { done, total } = restoring;
  return total > 0 ? `${restoringTitle(restoring).slice(0, -1)}: ${formatCount(done)} of ${formatCount(total)}.` : restoringTitle(restoring);
}
