// One view of the timeline as this page knows it: the skeleton, the columns near the reader, and how both follow what
// happens at home. A change is shown only when the columns on screen for it are here too, so that nothing flickers.

import { ApiError, request } from '$lib/api/client';
import { api } from '$lib/api/client';
import { events } from '$lib/events.svelte';
import { session } from '$lib/session.svelte';
import { keep, recall } from './cache';
import { decodeColumns, PART_PHOTOS, partKey, type Columns } from './columns';
import { arrivals, mergeSkeleton } from './merge';
import { encodeSkeleton, monthOf, parseSkeleton, type Month, type Skeleton } from './skeleton';

export type View = 'all' | 'favourites';

/** What is known about one photo of the grid. */
export interface Detail {
  id: number;
  /** Local capture time, milliseconds as if UTC. */
  takenMs: number;
  flags: number;
  duration: number;
  version: number;
}

/** The grid's part in a change: remember what the reader looks at, and bring it back to the same place. */
export interface Anchor {
  before: () => void;
  after: (arrived: { count: number; month: string | undefined }) => void;
}

/** Parts kept in memory; the ones on screen always stay. */
const PARTS_MAX = 40;
/** Waited between two refreshes, so that an import of thousands doesn't keep the page busy. */
const REFRESH_PAUSE_MS = 700;
const KEEP_PAUSE_MS = 2_000;
/** Scrolling must rest this long before columns are asked for. */
const REST_MS = 60;

export class TimelineStore {
  skeleton = $state.raw<Skeleton>();
  parts = $state.raw<ReadonlyMap<string, Columns>>(new Map());
  /** Why there is nothing to show yet. */
  error = $state.raw<ApiError>();
  /** Where the reader was when the view was left. */
  place: { index: number; offset: number } | undefined;
  anchor: Anchor | undefined;

  #started = false;
  #held = false;
  #refreshing = false;
  #again = false;
  #wanted = new Set<string>();
  #loading = new Map<string, AbortController>();
  #disagreed = new Map<string, number>();
  #rest = 0;
  #keeping = 0;

  constructor(readonly view: View) {}

  /** Paints what this device remembers, then asks home; follows the news from then on. May be called again. */
  async start(): Promise<void> {
    if (this.#started) return;
    this.#started = true;
    events.on('timeline', () => void this.refresh());
    events.on('resumed', () => void this.refresh());
    events.on('asset', ({ local }) => this.#assetChanged(local));
    const remembered = session.rememberedId;
    const bytes = remembered ? await recall(`${remembered}/${this.view}`) : undefined;
    if (bytes && !this.skeleton) {
      try {
        this.skeleton = parseSkeleton(bytes);
      } catch {
        // Kept by another version of this page: home sends a fresh one.
      }
    }
    await session.ready.catch(() => undefined);
    await this.refresh();
  }

  /** While the viewer is open the order of photos stands still; changes come in when it closes. */
  hold(held: boolean): void {
    if (this.#held === held) return;
    this.#held = held;
    if (!held && this.#again) void this.refresh();
  }

  /** Fetches what changed since the known revision; calls during a refresh lead to one more after it. */
  async refresh(): Promise<void> {
    if (this.#refreshing || this.#held) {
      this.#again = true;
      return;
    }
    this.#refreshing = true;
    this.#again = false;
    try {
      await this.#refreshOnce();
      this.error = undefined;
    } catch (error) {
      if (!this.skeleton) this.error = error instanceof ApiError ? error : new ApiError(0, 'The timeline could not be read.', 'Reload this page. If it happens again, update Heirloom at home.');
    }
    setTimeout(() => {
      this.#refreshing = false;
      if (this.#again) void this.refresh();
    }, REFRESH_PAUSE_MS);
  }

  async #refreshOnce(): Promise<void> {
    const known = this.skeleton;
    const since = known ? `?since=${known.rev}` : '';
    const response = await request(`/api/timeline/${this.view}/skeleton${since}`, { cache: 'no-cache' });
    const change = parseSkeleton(await response.arrayBuffer());
    if (!known) {
      this.skeleton = { ...change, partial: false };
      return this.#keepSoon();
    }
    const next = mergeSkeleton(known, change);
    const revs = new Map(known.months.map((month) => [month.key, month.rev]));
    const same = new Set(next.months.filter((month) => revs.get(month.key) === month.rev).map((month) => month.key));
    if (same.size === known.months.length && same.size === next.months.length) {
      this.skeleton = { ...known, rev: next.rev };
      return;
    }
    const parts = new Map([...this.parts].filter(([, columns]) => same.has(columns.month)));
    const stale = [...this.#wanted].filter((key) => !same.has(key.split('.')[0]) && next.months.some((month) => key.startsWith(month.key)));
    for (const columns of await Promise.all(stale.map((key) => this.#fetch(key).catch(() => undefined)))) {
      if (columns && next.months.some((month) => month.key === columns.month && month.rev === columns.rev)) parts.set(partKey(columns.month, columns.part), columns);
    }
    if (this.#held) {
      this.#again = true;
      return;
    }
    this.anchor?.before();
    this.skeleton = next;
    this.parts = parts;
    this.anchor?.after(arrivals(known, next));
    this.#load();
    this.#keepSoon();
  }

  /** The parts that the reader sees; loaded after a short rest, and given up again when they are scrolled past. */
  want(keys: Iterable<string>): void {
    this.#wanted = new Set(keys);
    clearTimeout(this.#rest);
    this.#rest = window.setTimeout(() => this.#load(), REST_MS);
  }

  #load(): void {
    for (const [key, controller] of this.#loading) {
      if (this.#wanted.has(key)) continue;
      controller.abort();
      this.#loading.delete(key);
    }
    for (const key of this.#wanted) if (!this.parts.has(key)) void this.#loadPart(key);
  }

  async #loadPart(key: string): Promise<void> {
    if (this.#loading.has(key)) return;
    const controller = new AbortController();
    this.#loading.set(key, controller);
    try {
      this.#take(key, await this.#fetch(key, controller.signal));
    } catch {
      // Aborted, or home is away: the colours stay, and the next scroll or news asks again.
    } finally {
      if (this.#loading.get(key) === controller) this.#loading.delete(key);
    }
  }

  async #fetch(key: string, signal?: AbortSignal): Promise<Columns> {
    const response = await request(`/api/timeline/${this.view}/columns/${key}`, { signal, cache: 'no-cache' });
    return decodeColumns(await response.json());
  }

  /** Takes columns in when they describe the state that the skeleton does; otherwise the skeleton is behind. */
  #take(key: string, columns: Columns): boolean {
    const month = this.skeleton?.months.find((candidate) => candidate.key === columns.month);
    const expected = month ? Math.min(PART_PHOTOS, month.count - columns.part * PART_PHOTOS) : -1;
    const tries = this.#disagreed.get(key) ?? 0;
    if (!month || columns.count !== expected || (columns.rev !== month.rev && tries < 2)) {
      this.#disagreed.set(key, tries + 1);
      if (tries < 5) void this.refresh();
      return false;
    }
    this.#disagreed.delete(key);
    const parts = new Map(this.parts);
    parts.set(key, columns);
    for (const old of parts.keys()) {
      if (parts.size <= PARTS_MAX) break;
      if (!this.#wanted.has(old) && old !== key) parts.delete(old);
    }
    this.parts = parts;
    return true;
  }

  /** Loads the part that holds photo `index`; returns what is known of the photo, if home answers. */
  async ensure(index: number): Promise<Detail | undefined> {
    const place = this.#placeOf(index);
    if (!place) return undefined;
    if (!this.parts.has(place.key)) {
      const columns = await this.#fetch(place.key).catch(() => undefined);
      if (columns) this.#take(place.key, columns);
    }
    return this.at(index);
  }

  #placeOf(index: number): { month: Month; key: string; position: number } | undefined {
    const { skeleton } = this;
    if (!skeleton || index < 0 || index >= skeleton.n) return undefined;
    const month = skeleton.months[monthOf(skeleton.months, index)];
    const inMonth = index - month.first;
    return { month, key: partKey(month.key, Math.floor(inMonth / PART_PHOTOS)), position: inMonth % PART_PHOTOS };
  }

  /** What is known of photo `index` without asking home. */
  at(index: number): Detail | undefined {
    const place = this.#placeOf(index);
    const columns = place && this.parts.get(place.key);
    if (!place || !columns) return undefined;
    const i = place.position;
    const takenMs = Date.UTC(place.month.year, place.month.month - 1, 1) + columns.at[i] * 1000;
    return { id: columns.id[i], takenMs, flags: columns.flags[i], duration: columns.duration[i], version: columns.version[i] };
  }

  /** Key of the part that holds photo `index`. */
  keyOf(index: number): string | undefined {
    return this.#placeOf(index)?.key;
  }

  /** Index of a photo in the parts at hand, or -1. */
  indexOf(id: number): number {
    for (const columns of this.parts.values()) {
      const position = columns.id.indexOf(id);
      const month = position < 0 ? undefined : this.skeleton?.months.find((candidate) => candidate.key === columns.month);
      if (month) return month.first + columns.part * PART_PHOTOS + position;
    }
    return -1;
  }

  /** Index of any photo of this view, asking home for its month; -1 when it isn't here. */
  async locate(id: number): Promise<number> {
    const known = this.indexOf(id);
    if (known >= 0) return known;
    const asset = await api.asset(id);
    const month = this.skeleton?.months.find((candidate) => candidate.key === asset.localDateTime.slice(0, 7));
    for (let first = 0; month && first < month.count; first += PART_PHOTOS) {
      await this.ensure(month.first + first);
      const found = this.indexOf(id);
      if (found >= 0) return found;
    }
    return -1;
  }

  /** Shows a mark at once, before home has confirmed it. */
  mark(id: number, flag: number, on: boolean): void {
    for (const [key, columns] of this.parts) {
      const position = columns.id.indexOf(id);
      if (position < 0) continue;
      const flags = columns.flags.slice();
      flags[position] = on ? flags[position] | flag : flags[position] & ~flag;
      this.parts = new Map(this.parts).set(key, { ...columns, flags });
      return;
    }
  }

  #assetChanged(local: number): void {
    if (this.#held) void this.look(local);
    if (this.view !== 'all') return void this.refresh();
    for (const [key, columns] of this.parts) {
      if (!columns.id.includes(local)) continue;
      void this.#fetch(key).then((fresh) => this.#take(key, fresh), () => undefined);
      return;
    }
  }

  /** Fetches the marks and the picture's version of one photo anew, whatever else has moved around it meanwhile. */
  async look(id: number): Promise<void> {
    const key = [...this.parts].find(([, columns]) => columns.id.includes(id))?.[0];
    const fresh = key && (await this.#fetch(key).catch(() => undefined));
    const columns = key && this.parts.get(key);
    if (!fresh || !columns) return;
    const [from, to] = [fresh.id.indexOf(id), columns.id.indexOf(id)];
    if (from < 0 || to < 0) return;
    const flags = columns.flags.slice();
    const version = columns.version.slice();
    flags[to] = fresh.flags[from];
    version[to] = fresh.version[from];
    this.parts = new Map(this.parts).set(key, { ...columns, flags, version });
  }

  #keepSoon(): void {
    clearTimeout(this.#keeping);
    this.#keeping = window.setTimeout(() => {
      if (this.skeleton && session.account) void keep(`${session.account.id}/${this.view}`, encodeSkeleton(this.skeleton));
    }, KEEP_PAUSE_MS);
  }
}

const stores = new Map<View, TimelineStore>();

/** The one store of a view; it lives as long as the page. */
export function timelineOf(view: View): TimelineStore {
  let store = stores.get(view);
  if (!store) stores.set(view, (store = new TimelineStore(view)));
  return store;
}

/** Shows a mark in every view that is loaded. */
export function markEverywhere(id: number, flag: number, on: boolean): void {
  for (const store of stores.values()) store.mark(id, flag, on);
}
