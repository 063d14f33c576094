// Which photos of an album are chosen, by content, so that a choice survives what others do to the album meanwhile.

import { SvelteSet } from 'svelte/reactivity';
import type { Entry } from '$lib/api/family';
import type { AlbumStore } from './album.svelte';

export class AlbumSelection {
  readonly contents = new SvelteSet<string>();
  #from = -1;
  #stretch: string[] = [];

  constructor(private readonly store: AlbumStore) {}

  get active(): boolean {
    return this.contents.size > 0;
  }

  get entries(): Entry[] {
    return this.store.slots.filter((entry): entry is Entry => entry !== undefined && this.contents.has(entry.content));
  }

  clear(): void {
    this.contents.clear();
    this.#from = -1;
    this.#stretch = [];
  }

  toggle(index: number): void {
    const content = this.store.slots[index]?.content;
    if (!content) return;
    if (!this.contents.delete(content)) this.contents.add(content);
    this.#from = index;
    this.#stretch = [];
  }

  /** Chooses everything between the last choice and `index` that is here. */
  stretchTo(index: number): void {
    const from = this.#from < 0 ? index : this.#from;
    const [low, high] = from < index ? [from, index] : [index, from];
    const stretch = this.store.slots.slice(low, high + 1).flatMap((entry) => (entry ? [entry.content] : []));
    const kept = new Set(stretch);
    for (const content of this.#stretch) if (!kept.has(content)) this.contents.delete(content);
    for (const content of stretch) this.contents.add(content);
    this.#from = from;
    this.#stretch = stretch;
  }
}
