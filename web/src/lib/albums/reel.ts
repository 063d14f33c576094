// An album as the viewer goes through it.

import { albumsApi, type Entry } from '$lib/api/family';
import { RATIO } from '$lib/timeline/skeleton';
import { cssColour } from '$lib/timeline/visible';
import type { About, Picture, Reel } from '$lib/viewer/reel';
import type { AlbumStore } from './album.svelte';

/** Formats that every browser draws by itself, by the ending of the name that a photo came with. */
const WEB_SAFE = /\.(jpe?g|png|webp|gif)$/i;

/** Wall clock of the capture, milliseconds as if UTC. */
export function localMsOf(entry: Entry): number | undefined {
  const ms = entry.takenAt ? Date.parse(entry.takenAt.replace(/(Z|[+-]\d\d:?\d\d)?$/, 'Z')) : NaN;
  return Number.isFinite(ms) ? ms : undefined;
}

export function aboutOf(entry: Entry): About {
  const { fileName, caption, width, height, original } = entry;
  const here = original === 'here' && WEB_SAFE.test(fileName);
  return { name: fileName, alt: caption || fileName, width: width || undefined, height: height || undefined, close: here, moving: here && /\.gif$/i.test(fileName) };
}

export function albumReel(store: AlbumStore): Reel {
  const picture = (entry: Entry | undefined): Picture | undefined =>
    entry && {
      key: entry.content,
      takenMs: localMsOf(entry),
      state: entry.thumb ? 'ready' : 'pending',
      thumbnail: albumsApi.thumbnailUrl(store.id, entry.content),
      preview: albumsApi.thumbnailUrl(store.id, entry.content, 'preview'),
      original: albumsApi.originalUrl(store.id, entry.content)
    };
  return {
    get count() {
      return store.slots.length;
    },
    ratio: (index) => RATIO[store.shape.aspect[index] ?? 0],
    colour: (index) => cssColour(store.shape.colour[index] ?? 0),
    at: (index) => picture(store.slots[index]),
    ensure: async (index) => picture(await store.ensure(index))
  };
}
