// What the viewer goes through: photos in an order, wherever they are from.

import { api } from '$lib/api/client';
import { Flag, thumbnailUrl } from '$lib/timeline/columns';
import { RATIO } from '$lib/timeline/skeleton';
import type { Detail, TimelineStore } from '$lib/timeline/store.svelte';
import { cssColour } from '$lib/timeline/visible';

export interface Picture {
  /** Stays the same while it is the same photo. */
  key: number | string;
  /** Local capture time, milliseconds as if UTC. */
  takenMs?: number;
  /** `pending`: its picture is being made or fetched. `failed`: none can be made. */
  state: 'ready' | 'pending' | 'failed';
  thumbnail: string;
  preview: string;
  original: string;
}

/** What is known of the photo in the middle beside its picture. */
export interface About {
  name: string;
  alt: string;
  width?: number;
  height?: number;
  /** The original may be shown when somebody looks closely. */
  close: boolean;
  /** Only the original moves, so it is shown at once. */
  moving: boolean;
}

export interface Reel {
  readonly count: number;
  /** Width over height as far as the grid knows it. */
  ratio(index: number): number;
  /** CSS colour to draw before a picture is here. */
  colour(index: number): string;
  at(index: number): Picture | undefined;
  /** Finds out what {@link at} doesn't know yet. */
  ensure(index: number): Promise<Picture | undefined>;
}

function picture(detail: Detail | undefined): Picture | undefined {
  if (!detail) return undefined;
  const { id, takenMs, flags, version } = detail;
  const state = flags & Flag.failed ? 'failed' : flags & Flag.pending ? 'pending' : 'ready';
  return { key: id, takenMs, state, thumbnail: thumbnailUrl(id, version), preview: thumbnailUrl(id, version, 'preview'), original: api.originalUrl(id) };
}

/** The timeline as the viewer goes through it. */
export function reelOf(store: TimelineStore): Reel {
  return {
    get count() {
      return store.skeleton?.n ?? 0;
    },
    ratio: (index) => RATIO[store.skeleton?.aspect[index] ?? 0],
    colour: (index) => cssColour(store.skeleton?.colour[index] ?? 0),
    at: (index) => picture(store.at(index)),
    ensure: async (index) => picture(await store.ensure(index))
  };
}
