// One album as this page knows it. Its entries come page by page, the ones in view first; whatever another home does
// arrives as news and is fetched again, and what is done here shows at once and is corrected when home disagrees.

import { ApiError } from '$lib/api/client';
import { albumsApi, ENTRIES_PAGE, type Album, type AlbumChange, type AlbumEvent, type AlbumPart, type Entry, type EntryChange, type Remark } from '$lib/api/family';
import { events } from '$lib/events.svelte';
import { session } from '$lib/session.svelte';
import { attempt } from '$lib/ui/problem';
import { soon } from '$lib/ui/soon';
import { moved, moveOrders, placed, shapeOf, type Slots } from './entries';

/** Albums up to this length are fetched whole, so that their layout is soon exact. */
const WHOLE_MAX = 5_000;
const NEWS_PAUSE_MS = 120;
/** Pictures come by the hundred; the page looks this often. */
const PROGRESS_PAUSE_MS = 1_200;
const ACTIVITY_MAX = 100;

/** The grid's part in a change: remember what the reader looks at, and bring it back to the same place. */
export interface Anchor {
  before: () => void;
  after: () => void;
}

export class AlbumStore {
  album = $state.raw<Album>();
  slots = $state.raw<Slots>([]);
  activity = $state.raw<AlbumEvent[]>([]);
  /** Comments and hearts of the whole album; undefined until somebody looks. */
  remarks = $state.raw<Remark[]>();
  error = $state.raw<ApiError>();
  anchor: Anchor | undefined;
  readonly shape = $derived(shapeOf(this.slots, this.album?.sort !== 'hand'));

  #news = new Set<AlbumPart>();
  /** Pages to fetch again now, and pages to fetch again when they come into view. */
  #stale = new Set<number>();
  #faded = new Set<number>();
  #wanted = { from: 0, to: ENTRIES_PAGE };
  #fetching = false;
  #writing = 0;

  constructor(readonly id: string) {}

  /** Loads and follows the news; returns what stops it. */
  start(): () => void {
    const later = soon(() => void this.#catchUp(), NEWS_PAUSE_MS);
    const progress = soon(() => void this.#catchUp(), PROGRESS_PAUSE_MS);
    const everything = () => {
      for (const part of ['about', 'entries', 'talk'] as const) this.#news.add(part);
      later.ask();
    };
    const stops = [
      events.on('resumed', everything),
      events.on('album', ({ id, changed }) => {
        if (id !== this.id) return;
        for (const part of changed) this.#news.add(part);
        (changed.every((part) => part === 'progress') ? progress : later).ask();
      })
    ];
    void this.load();
    return () => {
      later.stop();
      progress.stop();
      for (const stop of stops) stop();
    };
  }

  async load(): Promise<void> {
    try {
      this.album = await albumsApi.one(this.id);
      this.error = undefined;
      this.#stale.add(0);
      await Promise.all([this.#fetchPages(), this.#loadActivity()]);
    } catch (error) {
      if (!this.album) this.error = error instanceof ApiError ? error : new ApiError(0, 'The album could not be read.');
    }
  }

  async #catchUp(): Promise<void> {
    if (this.#writing > 0) return; // asked again when the answer to what was written here has come
    const news = new Set(this.#news);
    this.#news.clear();
    if (news.size === 0) return;
    const album = await albumsApi.one(this.id).catch(() => undefined);
    if (album && this.#writing === 0) this.album = album;
    const again = news.has('entries') || news.has('about') ? this.#stale : this.#faded;
    for (let page = 0; page * ENTRIES_PAGE < Math.max(1, this.slots.length); page++) again.add(page);
    if (news.has('talk') && this.remarks) void this.loadRemarks();
    await Promise.all([this.#fetchPages(), this.#loadActivity()]);
  }

  async #loadActivity(): Promise<void> {
    const activity = await albumsApi.activity(this.id, ACTIVITY_MAX).catch(() => undefined);
    if (activity) this.activity = activity;
  }

  async loadRemarks(): Promise<void> {
    const remarks = await albumsApi.remarks(this.id).catch(() => undefined);
    if (remarks) this.remarks = remarks;
  }

  /** The positions in view; what is missing there is fetched first. */
  want(from: number, to: number): void {
    this.#wanted = { from, to };
    void this.#fetchPages();
  }

  #nextPage(): number | undefined {
    const { from, to } = this.#wanted;
    const total = this.slots.length;
    const missing = (page: number) => this.#stale.has(page) || (page * ENTRIES_PAGE < total && this.slots[page * ENTRIES_PAGE] === undefined);
    for (let page = Math.floor(Math.max(0, from) / ENTRIES_PAGE); page * ENTRIES_PAGE < Math.min(to, total || 1); page++) if (missing(page) || this.#faded.has(page)) return page;
    const end = total <= WHOLE_MAX ? Math.ceil(total / ENTRIES_PAGE) : 0;
    for (let page = 0; page < end; page++) if (missing(page)) return page;
    return this.#stale.has(0) ? 0 : undefined;
  }

  async #fetchPages(): Promise<void> {
    if (this.#fetching) return;
    this.#fetching = true;
    try {
      for (let page = this.#nextPage(); page !== undefined; page = this.#nextPage()) {
        this.#stale.delete(page);
        this.#faded.delete(page);
        const { total, entries } = await albumsApi.entries(this.id, page * ENTRIES_PAGE, ENTRIES_PAGE);
        if (this.#writing > 0) {
          this.#news.add('entries'); // it may be older than what was written here; asked again afterwards
          break;
        }
        this.#show(placed(this.slots, total, page * ENTRIES_PAGE, entries));
        if (entries.length === 0) break;
      }
    } catch {
      // Home is away: what is here stays, and the next scroll or news asks again.
    } finally {
      this.#fetching = false;
    }
  }

  #show(slots: Slots): void {
    this.anchor?.before();
    this.slots = slots;
    this.anchor?.after();
  }

  entry(content: string): Entry | undefined {
    return this.slots.find((entry) => entry?.content === content);
  }

  indexOf(content: string): number {
    return this.slots.findIndex((entry) => entry?.content === content);
  }

  /** Fetches the entry at a position if it is not here yet. */
  async ensure(index: number): Promise<Entry | undefined> {
    if (!this.slots[index]) {
      this.want(index, index + 1);
      const page = Math.floor(index / ENTRIES_PAGE);
      const answer = await albumsApi.entries(this.id, page * ENTRIES_PAGE, ENTRIES_PAGE).catch(() => undefined);
      if (answer) this.#show(placed(this.slots, answer.total, page * ENTRIES_PAGE, answer.entries));
    }
    return this.slots[index];
  }

  /** Shows a change at once, tells home, and looks again; when home refuses, what was there comes back with a word. */
  async #write(what: string, show: () => void, tell: () => Promise<unknown>): Promise<boolean> {
    const before = { album: this.album, slots: this.slots };
    this.#writing++;
    show();
    const done = await attempt(what, tell);
    this.#writing--;
    if (!done) {
      this.album = before.album;
      this.#show(before.slots);
    }
    this.#news.add('about').add('entries');
    if (this.#writing === 0) void this.#catchUp();
    return done;
  }

  change(change: AlbumChange): Promise<boolean> {
    const show = () => {
      if (this.album) this.album = { ...this.album, ...change };
    };
    return this.#write('The change was not saved.', show, () => albumsApi.change(this.id, change));
  }

  #mark(contents: ReadonlySet<string>, change: Partial<Entry>): void {
    this.slots = this.slots.map((entry) => (entry && contents.has(entry.content) ? { ...entry, ...change } : entry));
  }

  changeEntry(content: string, change: EntryChange): Promise<boolean> {
    const { order: _, ...shown } = change;
    return this.#write('This was not saved.', () => this.#mark(new Set([content]), shown), () => albumsApi.changeEntry(this.id, content, change));
  }

  setFavourites(entries: Entry[], favourite: boolean): Promise<boolean> {
    const contents = new Set(entries.map((entry) => entry.content));
    return this.#write('The favourites were not saved.', () => this.#mark(contents, { favourite }), async () => {
      for (const content of contents) await albumsApi.changeEntry(this.id, content, { favourite });
    });
  }

  /** Moves entries so that they stand before position `to`. */
  async move(contents: ReadonlySet<string>, to: number): Promise<void> {
    const orders = moveOrders(this.slots, contents, to);
    if (!orders) return;
    await this.#write('The new order was not saved.', () => this.#show(moved(this.slots, contents, orders[0].after)), async () => {
      for (const { content, after } of orders) await albumsApi.changeEntry(this.id, content, { order: { after } });
    });
  }

  async remove(entries: Entry[]): Promise<boolean> {
    const contents = new Set(entries.map((entry) => entry.content));
    const show = () => this.#show(this.slots.filter((entry) => !entry || !contents.has(entry.content)));
    return this.#write('The photos were not taken out.', show, async () => {
      const results = await albumsApi.remove(this.id, entries.map((entry) => entry.id));
      const refused = results.find((result) => !result.success);
      if (refused) throw new ApiError(400, 'Some of them stay: only whoever added a photo, or somebody who may manage, can take it out.');
    });
  }

  /** Comments and hearts on one photo, or on the album as a whole. */
  remarksOn(assetId: string | null): Remark[] {
    return (this.remarks ?? []).filter((remark) => (remark.assetId ?? null) === assetId);
  }

  async say(assetId: string | undefined, text: string): Promise<boolean> {
    return this.#talk('The comment was not sent.', () => albumsApi.say(this.id, assetId, text));
  }

  async unsay(remark: Remark): Promise<boolean> {
    this.remarks = this.remarks?.filter((other) => other.id !== remark.id);
    return this.#talk('It was not taken back.', () => albumsApi.unsay(remark.id));
  }

  /** Gives this account's heart, or takes it back. */
  async like(assetId: string | undefined): Promise<boolean> {
    const mine = this.remarksOn(assetId ?? null).find((remark) => remark.type === 'like' && remark.user.id === session.account?.id);
    if (mine) return this.unsay(mine);
    return this.#talk('The heart was not sent.', () => albumsApi.like(this.id, assetId));
  }

  async #talk(what: string, tell: () => Promise<unknown>): Promise<boolean> {
    const done = await attempt(what, tell);
    this.#news.add('talk');
    await this.loadRemarks();
    void this.#catchUp();
    return done;
  }
}
