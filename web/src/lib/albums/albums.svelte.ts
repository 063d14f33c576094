// All albums of this home, the latest first; asked for when somebody first looks, then kept fresh.

import { ApiError } from '$lib/api/client';
import { albumsApi, timeOf, type Album } from '$lib/api/family';
import { events } from '$lib/events.svelte';
import { soon } from '$lib/ui/soon';

const PAUSE_MS = 1_000;

class Albums {
  list = $state.raw<Album[]>();
  error = $state.raw<ApiError>();
  #following = false;

  /** Loads the list; follows the news from the first call on. */
  async load(): Promise<void> {
    if (!this.#following) {
      this.#following = true;
      const later = soon(() => void this.load(), PAUSE_MS);
      for (const kind of ['albums', 'album', 'resumed'] as const) events.on(kind, later.ask);
    }
    try {
      const list = await albumsApi.list();
      this.list = list.sort((a, b) => (timeOf(b.updatedAt) ?? 0) - (timeOf(a.updatedAt) ?? 0));
      this.error = undefined;
    } catch (error) {
      this.error = error instanceof ApiError ? error : new ApiError(0, 'The albums could not be read.');
    }
  }

  /** Albums that this home still shares, one or all. */
  with(household: string): Album[] {
    return (this.list ?? []).filter((album) => !album.ended && album.homes.some((home) => home.household === household));
  }
}

export const albums = new Albums();
