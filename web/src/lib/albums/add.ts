// Putting photos into albums, in portions that home takes, with words about what came of it.

import { ADD_MAX, albumsApi, type AddResult } from '$lib/api/family';
import { formatCount, photos } from '$lib/format';

/** Adds photos by their ids in the timeline; resolves to the answer for each. */
export async function addTo(album: string, ids: readonly number[]): Promise<AddResult[]> {
  const results: AddResult[] = [];
  for (let at = 0; at < ids.length; at += ADD_MAX) results.push(...(await albumsApi.add(album, ids.slice(at, at + ADD_MAX).map(String))));
  return results;
}

/** What came of adding photos, in words. */
export function addedWords(results: AddResult[], title: string): string {
  const added = results.filter((result) => result.success).length;
  const known = results.filter((result) => !result.success && result.error === 'duplicate').length;
  const refused = results.length - added - known;
  const parts = [
    added > 0 ? `${photos(added)} added to ${title}` : '',
    known > 0 ? `${known === 1 ? '1 was' : `${formatCount(known)} were`} there already` : '',
    refused > 0 ? `${refused === 1 ? '1 belongs' : `${formatCount(refused)} belong`} to somebody else and ${refused === 1 ? 'was' : 'were'} left out` : ''
  ].filter(Boolean);
  const words = parts.join(', ');
  return words ? words[0].toUpperCase() + words.slice(1) : `Nothing was added to ${title}`;
}
