import { expect, test } from 'vitest';
import type { AssetCopies, CheckDay, Keeper, KeeperState, VaultStatus, Ward } from '$lib/api/vault';
import { checkedWords, checksWords, copiesWords, drillWords, fullWords, growthLine, growthWords, howMany, ifLostWords, keeperSaid, lastDays, leftWords, levelWords, mutualWords, placeSaid, railWords, restoreProgress, restoringWords, sendingWords, sentPart, wantsHome, wardSaid } from './words';

const NOW = new Date(2026, 10, 21, 14, 0).getTime();
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const GB = 1e9;
const keeper = (fields: Partial<Keeper> = {}): Keeper => ({
  household: 'h', name: 'Anna', state: 'ok', packs: 10, photos: 100, bytes: 380 * GB, quota: 500 * GB, free: 120 * GB, lastProvenAt: NOW - 3 * HOUR, lastSeenAt: NOW - 4 * DAY, path: 'direct', growthBytesMonth: 6 * GB, fullAt: null, ...fields
});
const ward = (fields: Partial<Ward> = {}): Ward => ({ household: 'h', name: 'Anna', state: 'ok', bytes: 420 * GB, quota: 600 * GB, held: 0, packs: 9, lastHeadAt: null, free: 180 * GB, growthBytesMonth: null, fullAt: null, ask: null, ...fields });
const status = (fields: Partial<VaultStatus> = {}): VaultStatus => ({
  level: 'safe', sentence: 's', replaced: false, reasons: [], completeHomes: 2, photos: { total: 100, safe: 100, oneHome: 0, none: 0 }, packs: 1, bytes: 1, pending: { packs: 0, bytes: 0, photos: 0 }, keepers: [], wards: [], targets: [], asks: [],
  audits: { checkedAllAt: null, history: [] }, drills: [], lastDrillAt: null, heals: [], alarms: [], restoring: null, ifLostNow: { photos: 100, newestAt: NOW - 40 * 60_000, unsafePhotos: 0, hoursAt40Mbit: 12.4 }, phrase: { enabled: true, verifiedAt: null }, ...fields
});

test('two homes say what they keep for each other in one sentence', () => {
  expect(mutualWords('Anna', keeper(), ward())).toBe('You keep 420 GB for Anna, Anna keeps 380 GB for you.');
  expect(mutualWords('Anna', keeper(), undefined)).toBe('Anna keeps 380 GB for you.');
  expect(mutualWords('Anna', undefined, ward())).toBe('You keep 420 GB for Anna.');
  expect(mutualWords('Anna', keeper({ bytes: 0 }), ward({ bytes: 0 }))).toBe('You will keep copies for Anna, Anna will keep copies for you.');
  expect(mutualWords('Anna', keeper({ state: 'asked' }), undefined)).toBe('You asked Anna to keep copies.');
  expect(mutualWords('Anna', keeper({ state: 'refused' }), undefined)).toContain('said no');
  expect(mutualWords('Anna', keeper(), ward({ state: 'ending' }))).toBe('You no longer take copies of Anna, Anna keeps 380 GB for you.');
  expect(mutualWords('Anna', keeper({ state: 'asked' }), ward())).toBe('You keep 420 GB for Anna.');
  expect(mutualWords('Anna', undefined, undefined)).toBeUndefined();
});

test('a computer whose place was taken says so at the foot of the rail, and nothing else', () => {
  expect(railWords(status({ level: 'attention', replaced: true }))).toBe('Replaced by another computer');
  expect(levelWords(status({ level: 'attention', replaced: true }))).toBe('Replaced');
  expect(levelWords(status({ level: 'attention' }))).toBe('Needs a look');
});

test('where room ends is said in the words of the time that is left', () => {
  expect(fullWords(NOW - DAY, NOW)).toBe('full now');
  expect(fullWords(NOW + DAY, NOW)).toBe('full in 1 day');
  expect(fullWords(NOW + 20 * DAY, NOW)).toBe('full in 3 weeks');
  expect(fullWords(NOW + 300 * DAY, NOW)).toMatch(/^full about .*2027$/);
  expect(fullWords(NOW + 9000 * DAY, NOW)).toBe('not full for many years');
  expect(growthWords(6 * GB, NOW + 10 * DAY, NOW)).toBe('6.0 GB more a month, full in 10 days');
  expect(growthWords(null, null, NOW)).toBeUndefined();
  expect(growthWords(-5, null, NOW)).toBeUndefined();
  expect(growthLine(keeper({ fullAt: NOW + 10 * DAY }), ward(), NOW)).toBe('120 GB free there, full in 10 days; 180 GB free here.');
  expect(growthLine(keeper({ state: 'asked' }), undefined, NOW)).toBeUndefined();
});

test('each state of a keeper has words, and advice where somebody can do something', () => {
  const said = (state: KeeperState, fields: Partial<Keeper> = {}) => keeperSaid(keeper({ state, ...fields }), 100, NOW);
  expect(said('ok')).toEqual({ tone: 'good', text: 'Has everything.' });
  expect(said('ok', { photos: 40 })).toEqual({ tone: 'quiet', text: 'Photos are on their way.' });
  expect(said('ok', { photos: 0 }).text).toContain('first photos');
  expect(said('offline').text).toBe('Off, last heard from 4 days ago.');
  expect(said('offline', { lastSeenAt: null }).text).toBe('Off.');
  expect(said('absent').tone).toBe('red');
  for (const state of ['refused', 'warning', 'absent', 'full', 'diskAbsent'] as const) expect(said(state).advice).toBeTruthy();
});

test('the first copies say how far they are and how long they take', () => {
  expect([0.1, 0.5, 1.2, 26, 61.4, 700].map(leftWords)).toEqual(['a few minutes left', 'less than an hour left', 'about 1 hour left', 'about 26 hours left', 'about 3 days left', 'about 4 weeks left']);
  expect([null, undefined].map(leftWords)).toEqual(['', '']);
  expect(keeperSaid(keeper({ photos: 40, hoursLeft: 61.4 }), 100, NOW).text).toBe('Photos are on their way, about 3 days left.');
  const uploading = { kind: 'uploading', level: 'attention' as const, text: '', advice: '' };
  const sending = status({ reasons: [uploading], keepers: [keeper({ photos: 40 }), keeper({ photos: 0 }), keeper({ state: 'asked', photos: 0 })], pending: { packs: 1, bytes: 1, photos: 60, hoursLeft: 61.4 } });
  expect(sendingWords(sending)).toBe('About 3 days left, as fast as in the last hour. It goes on where it was when a computer was off.');
  expect(sentPart(sending)).toBeCloseTo(0.2);
  expect(sendingWords({ ...sending, pending: { packs: 1, bytes: 1, photos: 60 } })).toBeUndefined();
  expect(sendingWords(status())).toBeUndefined();
});

test('a home that is safe says so at the foot of the rail', () => {
  expect(railWords(status())).toBe('Safe: complete in 2 other homes');
  expect(railWords(status({ completeHomes: 1 }))).toBe('Safe: complete in 1 other home');
  expect(railWords(status({ restoring: { stage: 'originals', done: 1, total: 2, bytes: 0, totalBytes: 0 } }))).toBe('Everything is coming back');
});

test('what would come back after a loss', () => {
  const words = ifLostWords(status({ keepers: [keeper()] }), NOW).join(' ');
  expect(words).toContain('24 words and one of the homes above.');
  expect(ifLostWords(status(), NOW).join(' ')).toContain('the disk above');
  expect(words).toContain('All 100 photos would come back.');
  expect(words).toContain('about 12 hours');
  const some = ifLostWords(status({ ifLostNow: { photos: 90, newestAt: null, unsafePhotos: 10, hoursAt40Mbit: 72 } }), NOW).join(' ');
  expect(some).toContain('90 of 100 photos would come back.');
  const first = status({ keepers: [keeper({ photos: 90 })], ifLostNow: { photos: 90, newestAt: new Date(NOW - 40 * 60_000).toISOString(), unsafePhotos: 10, hoursAt40Mbit: 72 } });
  expect(ifLostWords(first, NOW)[0]).toBe('90 of 100 photos would come back, the newest from 40 minutes ago.');
  const nothing = { photos: 0, newestAt: null, unsafePhotos: 100, hoursAt40Mbit: null };
  expect(ifLostWords(status({ keepers: [keeper({ photos: 0 })], ifLostNow: nothing }), NOW)).toEqual(['Nothing could be brought back yet: the first copies are only on their way.']);
  const owed = { kind: 'booksOwed', level: 'attention' as const, text: '', advice: '' };
  expect(ifLostWords(status({ reasons: [owed], ifLostNow: nothing }), NOW)[0]).toMatch(/^Nobody here can say that now/);
  expect(some).toContain('10 photos would be gone');
  expect(some).toContain('about 3 days');
  expect(ifLostWords(status({ ifLostNow: { photos: 0, newestAt: null, unsafePhotos: 100, hoursAt40Mbit: null } }), NOW)).toEqual(['Nothing could be brought back: the photos are only on this computer.']);
  expect(ifLostWords(status({ photos: { total: 0, safe: 0, oneHome: 0, none: 0 } }), NOW)).toEqual(['There are no photos here yet.']);
});

test('checks are told with what was found', () => {
  const day = (fields: Partial<CheckDay> = {}): CheckDay => ({ day: '2026-11-20', ok: 64, wrong: 0, missing: 0, offline: 0, ...fields });
  const none = day({ ok: 0 });
  expect(checksWords([none, none, day(), day()])).toBe('In the last 2 days 128 samples of your copies were asked for; every one was right.');
  expect(checksWords([none, day()])).toBe('Today 64 samples of your copies were asked for; every one was right.');
  expect(checksWords([day({ wrong: 1 })])).toContain('1 was not right and is being replaced');
  expect(checksWords([day({ missing: 3 })])).toContain('3 were not right and are being replaced');
  expect(checksWords([day({ ok: 0, offline: 9 })])).toContain('no home could be asked');
  expect(checksWords(Array(30).fill(none), 'just now')).toBe('Every copy was checked just now, when it was made.');
  expect(checksWords([day()], '26 October')).toContain('every one was right. Every copy was last checked 26 October.');
  expect(checksWords(Array(30).fill(none))).toBe('No copy was checked in the last 30 days.');
});

test('the last days stand in their order, with those on which nothing was asked', () => {
  const at = Date.UTC(2026, 10, 21, 14);
  const days = lastDays([{ day: '2026-11-21', ok: 5, wrong: 0, missing: 0, offline: 0 }, { day: '2026-11-19', ok: 7, wrong: 1, missing: 0, offline: 0 }, { day: '2026-08-01', ok: 9, wrong: 0, missing: 0, offline: 0 }], at);
  expect(days.length).toBe(30);
  expect(days.slice(-3).map(({ day, ok }) => [day, ok])).toEqual([['2026-11-19', 7], ['2026-11-20', 0], ['2026-11-21', 5]]);
  expect(days.reduce((sum, { ok }) => sum + ok, 0)).toBe(12);
});

test('a drill says whether what came back was the same', () => {
  const drill = (photos: number, problems: number, from = 'Anna') => drillWords({ at: NOW, photos, bytes: GB, problems, from });
  expect(drill(200, 0)).toBe('200 photos (1.0 GB) came back from Anna and were the same, bit for bit.');
  expect(drill(197, 3, '')).toBe('197 photos came back as they were; 3 did not and are being replaced.');
  expect(drill(0, 1)).toBe('1 photo did not come back from Anna as it was and is being replaced.');
  expect(drill(0, 0)).toBe('No photo could be fetched from Anna.');
});

test('one photo says where it is', () => {
  const copies = (original: AssetCopies['original'], homes: number, places = 0): AssetCopies => ({
    original, copies: [...Array.from({ length: homes }, (_, i) => ({ household: `h${i}`, name: 'A', lastProvenAt: null })), ...Array.from({ length: places }, (_, i) => ({ target: `t${i}`, name: 'D', lastProvenAt: null }))]
  });
  expect(copiesWords(copies('here', 2)).text).toBe('Here and in 2 other homes.');
  expect(copiesWords(copies('here', 2, 1)).text).toBe('Here, in 2 other homes and on a disk of yours.');
  expect(copiesWords(copies('here', 0))).toEqual({ tone: 'amber', text: 'Only here so far.' });
  expect(copiesWords(copies('damaged', 1)).text).toBe('The file here is damaged. It is whole in 1 other home and comes back by itself.');
  expect(copiesWords(copies('missing', 0)).tone).toBe('red');
});

test('a restore says how far it is', () => {
  const at = (fields: object) => ({ stage: 'originals' as const, done: 4811, total: 12_492, bytes: 81 * GB, totalBytes: 214 * GB, ...fields });
  expect(restoreProgress(at({})).words).toBe('4,811 of 12,492 originals, 81 GB of 214 GB');
  expect(restoreProgress(at({})).part).toBeCloseTo(0.3785, 3);
  expect(restoreProgress(at({ stage: 'contact', done: 0, total: 0, bytes: 0, totalBytes: 0 }))).toEqual({ words: '', part: undefined });
  expect(restoreProgress(at({ bytes: 300 * GB })).part).toBe(1);
  expect(restoringWords(at({}))).toBe('Your originals are coming back: 4,811 of 12,492.');
  expect(restoringWords(at({ stage: 'contact', total: 0 }))).toBe('Your home is coming back.');
});

test('another home is asked for where that would help', () => {
  const reason = (kind: string) => ({ kind, level: 'attention' as const, text: '', advice: '' });
  expect(wantsHome([reason('uploading'), reason('oneHome')])).toBe(true);
  expect(wantsHome([reason('uploading'), reason('away')])).toBe(false);
});

test('small words', () => {
  expect(howMany(100, 100)).toBe('All 100 photos');
  expect(howMany(99, 100)).toBe('99 of 100 photos');
  expect(checkedWords(NOW - 3 * HOUR, NOW)).toBe('checked 3 hours ago');
  expect(checkedWords(null, NOW)).toBe('not checked yet');
  expect(placeSaid({ id: 'a', kind: 'folder', place: '/x', state: 'diskAbsent', packs: 0, bytes: 0, lastProvenAt: null }).tone).toBe('quiet');
  expect(placeSaid({ id: 'a', kind: 's3', place: 'b', state: 'the bucket is not there', packs: 0, bytes: 0, lastProvenAt: null })).toEqual({ tone: 'amber', text: 'The bucket is not there.' });
  expect(placeSaid({ id: 'a', kind: 'folder', place: '/x', state: 'ok', packs: 0, bytes: 0, lastProvenAt: null }).tone).toBe('good');
});

test('a home that we keep copies for is only spoken of where something is out of the ordinary', () => {
  expect(wardSaid(ward())).toBeUndefined();
  expect(wardSaid(ward({ state: 'ending' }))?.text).toContain('held for 30 days');
  expect(wardSaid(ward({ state: 'diskAbsent' }))).toMatchObject({ tone: 'amber', advice: expect.stringContaining('Plug it in') as string });
});
