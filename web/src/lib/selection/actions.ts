// What can be done with the chosen photos.

import { api, ApiError, request } from '$lib/api/client';
import { photos } from '$lib/format';
import { toasts } from '$lib/shell/toasts.svelte';
import { Flag } from '$lib/timeline/columns';
import { markEverywhere } from '$lib/timeline/store.svelte';
import { Zip, ZIP_BYTES_MAX } from './zip';

function words(error: unknown): string {
  return error instanceof ApiError ? [error.message, error.hint].filter(Boolean).join(' ') : 'Home could not be reached.';
}

/** Marks photos as favourites or not: shown at once, taken back when home refuses. */
export async function setFavourites(ids: number[], on: boolean): Promise<void> {
  for (const id of ids) markEverywhere(id, Flag.favourite, on);
  try {
    await api.changeAssets(ids, { isFavorite: on });
    toasts.show(on ? `${photos(ids.length)} in Favourites` : `${photos(ids.length)} taken out of Favourites`);
  } catch (error) {
    for (const id of ids) markEverywhere(id, Flag.favourite, !on);
    toasts.show(`The favourites were not saved. ${words(error)}`, { tone: 'warn', action: { label: 'Try again', run: () => void setFavourites(ids, on) } });
  }
}

function save(href: string, name: string): void {
  const link = document.createElement('a');
  link.href = href;
  link.download = name;
  link.click();
}

/** Saves one original as it is, several as a zip file (or more, when they are very large). */
export async function download(ids: number[]): Promise<void> {
  if (ids.length === 1) return save(api.originalUrl(ids[0]), '');
  let zip = new Zip();
  let part = 1;
  let toast = 0;
  const missed: string[] = [];
  const finish = () => {
    const url = URL.createObjectURL(zip.finish());
    save(url, part === 1 ? 'Heirloom photos.zip' : `Heirloom photos ${part}.zip`);
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
    part++;
    zip = new Zip();
  };
  for (const [i, id] of ids.entries()) {
    toast = toasts.show(`Gathering photo ${i + 1} of ${ids.length}…`, { ms: 0, replace: toast });
    try {
      const asset = await api.asset(id);
      const content = await (await request(api.originalUrl(id))).blob();
      if (zip.bytes + content.size > ZIP_BYTES_MAX) finish();
      await zip.add(asset.originalFileName, content, new Date(asset.localDateTime.replace(/Z$/, '')));
    } catch (error) {
      missed.push(words(error));
    }
  }
  if (zip.bytes > 0) finish();
  const text = missed.length ? `${photos(missed.length)} could not be fetched. ${missed[0]}` : `${photos(ids.length)} gathered in one file`;
  toasts.show(text, { replace: toast, tone: missed.length ? 'warn' : 'plain' });
}
