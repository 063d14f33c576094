// The detail of the one photo that the viewer shows, and the two things that can be decided about it there.

import { api, ApiError } from '$lib/api/client';
import type { Asset } from '$lib/api/types';
import { toasts } from '$lib/shell/toasts.svelte';
import { Flag } from '$lib/timeline/columns';
import { markEverywhere } from '$lib/timeline/store.svelte';

export type CaptionState = 'clean' | 'unsaved' | 'saving' | 'saved' | 'failed';

/** A caption is saved this long after the last key. */
const CAPTION_REST_MS = 900;

export class PhotoDetail {
  asset = $state.raw<Asset>();
  error = $state.raw<ApiError>();
  caption = $state('');
  captionState = $state<CaptionState>('clean');
  captionProblem = $state('');
  #timer = 0;
  #saving: Promise<void> | undefined;

  constructor(readonly id: number) {
    void this.load();
  }

  async load(): Promise<void> {
    try {
      const asset = await api.asset(this.id);
      this.error = undefined;
      this.asset = asset;
      if (this.captionState === 'clean' || this.captionState === 'saved') this.caption = asset.exifInfo?.description ?? '';
    } catch (error) {
      if (error instanceof ApiError) this.error = error;
    }
  }

  write(caption: string): void {
    this.caption = caption;
    this.captionState = 'unsaved';
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => void this.saveCaption(), CAPTION_REST_MS);
  }

  /** Saves what was written; called after a rest, on leaving the field, and when the viewer moves on. */
  async saveCaption(): Promise<void> {
    clearTimeout(this.#timer);
    if (this.captionState !== 'unsaved' && this.captionState !== 'failed') return;
    await this.#saving; // captions arrive in the order in which they were written
    const caption = this.caption;
    this.captionState = 'saving';
    this.#saving = this.#send(caption);
    await this.#saving;
  }

  async #send(caption: string): Promise<void> {
    try {
      this.asset = await api.changeAsset(this.id, { description: caption });
      if (this.caption === caption) this.captionState = 'saved';
      markEverywhere(this.id, Flag.caption, caption !== '');
    } catch (error) {
      this.captionState = 'failed';
      this.captionProblem = error instanceof ApiError ? error.message : 'Home could not be reached.';
    }
  }

  async setFavourite(on: boolean): Promise<void> {
    const before = this.asset;
    if (before) this.asset = { ...before, isFavorite: on };
    markEverywhere(this.id, Flag.favourite, on);
    try {
      this.asset = await api.changeAsset(this.id, { isFavorite: on });
    } catch (error) {
      this.asset = before;
      markEverywhere(this.id, Flag.favourite, !on);
      const why = error instanceof ApiError ? error.message : '';
      toasts.show(`The favourite was not saved. ${why}`, { tone: 'warn', action: { label: 'Try again', run: () => void this.setFavourite(on) } });
    }
  }
}
