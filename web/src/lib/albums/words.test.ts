import { expect, test } from 'vitest';
import type { Album, AlbumEvent, Progress } from '$lib/api/family';
import { addedWords } from './add';
import { endedWords, eventWords, givable, mayAdd, mayChange, mayManage, originalWords, progressPart, progressWords, sharedWith } from './words';

const NOW = Date.UTC(2026, 10, 21, 14);
const progress = (thumbnails: number, previews: number, originals: number, bytesMissing = 0): Progress => ({ thumbnails: [thumbnails, 5000], previews: [previews, 5000], originals: [originals, 5000], bytesMissing });

test('roles allow what they say', () => {
  expect([null, 'viewer', 'contributor', 'admin', 'owner'].map((role) => mayAdd(role as never))).toEqual([false, false, true, true, true]);
  expect([null, 'viewer', 'contributor', 'admin', 'owner'].map((role) => mayManage(role as never))).toEqual([false, false, false, true, true]);
  expect(mayChange('admin', 'admin')).toBe(false);
  expect(mayChange('admin', 'contributor')).toBe(true);
  expect(mayChange('owner', 'admin')).toBe(true);
  expect(mayChange('contributor', 'viewer')).toBe(false);
  expect(givable('owner')).toEqual(['viewer', 'contributor', 'admin']);
  expect(givable('admin')).toEqual(['viewer', 'contributor']);
  expect(givable('viewer')).toEqual([]);
});

test('progress speaks of what is wanted next, and is silent when all of that is here', () => {
  expect(progressWords(progress(120, 0, 0), 'originals')).toBe('120 of 5,000 small pictures here');
  expect(progressWords(progress(5000, 312, 0, 1_640_000_000), 'previews')).toBe('312 of 5,000 previews here, 1.6 GB to come');
  expect(progressWords(progress(5000, 5000, 12), 'originals')).toBe('12 of 5,000 originals here');
  expect(progressWords(progress(5000, 5000, 12), 'previews')).toBeUndefined();
  expect(progressWords(progress(5000, 0, 0), 'demand')).toBeUndefined();
  expect(progressPart(progress(5000, 1250, 0), 'previews')).toBe(0.25);
  expect(progressPart(progress(5000, 1250, 0), 'demand')).toBe(1);
});

test('an album says with whom it is shared', () => {
  const home = (name: string, i: number) => ({ household: `h${i}`, name, role: 'viewer' as const, accounts: [] });
  const album = (names: string[], ended: Album['ended'] = null) => ({ homes: ['Us', ...names].map(home), ended }) as unknown as Album;
  expect(sharedWith(album([]), 'h0')).toBe('Only in your home');
  expect(sharedWith(album(['Rosa', 'Ben']), 'h0')).toBe('With Rosa and Ben');
  expect(sharedWith(album(['Rosa', 'Ben', 'Otto', 'Ida']), 'h0')).toBe('With Rosa, Ben and 2 more');
  expect(sharedWith(album(['Rosa'], { by: 'h1', at: NOW, left: false }), 'h0')).toBe('No longer shared with you');
  expect(endedWords({ by: 'h1', at: new Date(2026, 9, 2).getTime(), left: false }, 'Rosa', NOW)).toMatch(/^Rosa ended sharing this album with you on .+\. What you had stays here/);
  expect(endedWords({ by: 'h0', at: NOW, left: true }, 'Us', NOW)).toMatch(/^You left this album/);
});

test('what happened is said in words, also what this page does not know', () => {
  const event = (what: string, fields: Partial<AlbumEvent> = {}) => eventWords({ at: NOW, by: { household: 'h', account: 'a', name: 'Ben' }, what, ...fields });
  expect(event('added', { count: 12 })).toBe('added 12 photos');
  expect(event('added', { count: 1 })).toBe('added 1 photo');
  expect(event('commented', { text: 'Lovely' })).toBe('wrote “Lovely”');
  expect(event('left')).toBe('left the album');
  expect(event('somethingOfALaterVersion')).toBe('changed something');
});

test('where an original is', () => {
  expect(originalWords('here', 'Rosa')).toBe('The original is here');
  expect(originalWords('remote', 'Rosa')).toBe('The original is with Rosa');
  expect(originalWords('none', 'Rosa')).toMatch(/^No home/);
});

test('what came of adding photos', () => {
  const results = (ok: number, known: number, refused: number) => [
    ...Array.from({ length: ok }, () => ({ id: '', success: true })),
    ...Array.from({ length: known }, () => ({ id: '', success: false, error: 'duplicate' })),
    ...Array.from({ length: refused }, () => ({ id: '', success: false, error: 'no_permission' }))
  ];
  expect(addedWords(results(3, 0, 0), 'Summer')).toBe('3 photos added to Summer');
  expect(addedWords(results(1, 2, 0), 'Summer')).toBe('1 photo added to Summer, 2 were there already');
  expect(addedWords(results(0, 1, 0), 'Summer')).toBe('1 was there already');
  expect(addedWords(results(2, 0, 1), 'Summer')).toBe('2 photos added to Summer, 1 belongs to somebody else and was left out');
  expect(addedWords([], 'Summer')).toBe('Nothing was added to Summer');
});
