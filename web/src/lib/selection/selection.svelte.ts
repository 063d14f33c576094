// Which photos are chosen, by local id, so that a choice survives new photos arriving above it.

import { SvelteSet } from 'svelte/reactivity';
import type { TimelineStore } from '$lib/timeline/store.svelte';

/** More photos than this are not chosen by one stretch: what follows would take minutes. */
export const STRETCH_MAX = 5_000;

export class Selection {
  readonly ids = new SvelteSet<number>();
  /** Index from which a shift-click or a drag stretches. */
  #from = -1;
  #stretch: number[] = [];

  get active(): boolean {
    return this.ids.size > 0;
  }

  clear(): void {
    this.ids.clear();
    this.#from = -1;
    this.#stretch = [];
  }

  toggle(index: number, id: number): void {
    if (!this.ids.delete(id)) this.ids.add(id);
    this.#from = index;
    this.#stretch = [];
  }

  /** Chooses everything between the last choice and `index`; ids not yet known are fetched. */
  async stretchTo(store: TimelineStore, index: number): Promise<void> {
    const from = this.#from < 0 ? index : this.#from;
    const [low, high] = from < index ? [from, index] : [index, from];
    const end = Math.min(high, low + STRETCH_MAX - 1);
    const stretch: number[] = [];
    for (let i = low; i <= end; i++) {
      const known = store.at(i) ?? (await store.ensure(i));
      if (!known) break;
      stretch.push(known.id);
    }
    for (const id of this.#stretch) if (!stretch.includes(id)) this.ids.delete(id);
    const added = stretch.filter((id) => !this.ids.has(id));
    for (const id of added) this.ids.add(id);
    this.#from = from;
    this.#stretch = [...this.#stretch.filter((id) => stretch.includes(id)), ...added];
  }
}
