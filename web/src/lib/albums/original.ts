// Getting an original out of an album: at once when it is here, from the other home when it is not.

import { request } from '$lib/api/client';
import { albumsApi, type Entry } from '$lib/api/family';
import { family } from '$lib/family/family.svelte';
import { toasts } from '$lib/shell/toasts.svelte';
import { wordsOf } from '$lib/ui/problem';

function save(href: string, name: string): void {
  const link = document.createElement('a');
  link.href = href;
  link.download = name;
  link.click();
}

/** Saves an original on this device; what keeps it from coming is said at the foot of the page. True when it came. */
export async function saveOriginal(album: string, entry: Entry): Promise<boolean> {
  const url = albumsApi.originalUrl(album, entry.content);
  if (entry.original !== 'here') return fetchAndSave(url, entry.fileName, family.nameOf(entry.by.household, 'the other home'));
  save(url, entry.fileName);
  return true;
}

/** Saves an original that may have to come from `home` first. True when it came. */
export async function fetchAndSave(url: string, name: string, home: string): Promise<boolean> {
  const toast = toasts.show(`Fetching ${name} from ${home}…`, { ms: 0 });
  try {
    const content = URL.createObjectURL(await (await request(url)).blob());
    save(content, name);
    setTimeout(() => URL.revokeObjectURL(content), 60_000);
    toasts.dismiss(toast);
    return true;
  } catch (error) {
    toasts.show(wordsOf(error), { tone: 'warn', replace: toast });
    return false;
  }
}
