// Live news from home: one event stream for the page, and whether home can be heard at all.

import { api } from './api/client';
import type { AlbumPart } from './api/family';
import type { Jobs } from './api/types';

interface News {
  timeline: { rev: number; months: string[] };
  asset: { id: string; local: number };
  jobs: Jobs;
  /** Other homes or pairings: ask again. */
  peers: unknown;
  /** The list of albums: ask again. */
  albums: unknown;
  album: { id: string; changed: AlbumPart[] };
  /** Copies in other homes: ask again. */
  vault: undefined;
  /** The stream was interrupted and is back: anything may have changed. */
  resumed: undefined;
}
type Handler<K extends keyof News> = (data: News[K]) => void;

/** Shorter interruptions are not worth a word. */
const QUIET_MS = 2_500;
const RETRY_MS_MIN = 2_000;
const RETRY_MS_MAX = 30_000;

class Events {
  /** `lost` while home cannot be heard, `offline` when this device itself has no network. */
  link = $state<'live' | 'lost' | 'offline'>('live');
  #source: EventSource | undefined;
  #handlers = new Map<keyof News, Set<(data: never) => void>>();
  #retry = 0;
  #retryMs = RETRY_MS_MIN;
  #quiet = 0;
  #interrupted = false;

  /** Opens the stream; returns what closes it. */
  start(): () => void {
    const online = () => this.#connect();
    const offline = () => (this.link = 'offline');
    addEventListener('online', online);
    addEventListener('offline', offline);
    this.#connect();
    return () => {
      removeEventListener('online', online);
      removeEventListener('offline', offline);
      clearTimeout(this.#retry);
      clearTimeout(this.#quiet);
      this.#source?.close();
      this.#source = undefined;
    };
  }

  on<K extends keyof News>(kind: K, handler: Handler<K>): () => void {
    const set = this.#handlers.get(kind) ?? new Set();
    this.#handlers.set(kind, set);
    set.add(handler);
    return () => set.delete(handler);
  }

  #emit<K extends keyof News>(kind: K, data: News[K]) {
    for (const handler of this.#handlers.get(kind) ?? []) (handler as Handler<K>)(data);
  }

  #connect() {
    clearTimeout(this.#retry);
    this.#source?.close();
    const source = new EventSource('/api/events');
    this.#source = source;
    source.onopen = () => this.#opened();
    source.onerror = () => this.#failed(source);
    for (const kind of ['timeline', 'asset', 'jobs', 'peers', 'albums', 'album'] as const) {
      source.addEventListener(kind, (event) => this.#emit(kind, JSON.parse((event as MessageEvent<string>).data)));
    }
    source.addEventListener('vault', () => this.#emit('vault', undefined));
  }

  #opened() {
    clearTimeout(this.#quiet);
    this.#quiet = 0;
    this.#retryMs = RETRY_MS_MIN;
    this.link = 'live';
    if (this.#interrupted) this.#emit('resumed', undefined);
    this.#interrupted = false;
  }

  #failed(source: EventSource) {
    this.#interrupted = true;
    if (!this.#quiet) this.#quiet = window.setTimeout(() => (this.link = navigator.onLine ? 'lost' : 'offline'), QUIET_MS);
    if (source.readyState !== EventSource.CLOSED) return; // the browser is already trying again
    this.#retry = window.setTimeout(async () => {
      await api.me().catch(() => undefined); // signed out? then this leads to the sign-in page
      if (this.#source === source) this.#connect();
    }, this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MS_MAX);
  }
}

export const events = new Events();
