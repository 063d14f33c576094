// What this home holds and what it is busy with, for the rail, the account menu and the list of problems.

import { api, ApiError } from './api/client';
import type { Jobs, Problem, Status } from './api/types';
import { events } from './events.svelte';

/** Figures are fetched at most this often while things keep changing. */
const PAUSE_MS = 3_000;

class Home {
  status = $state.raw<Status>();
  jobs = $state.raw<Jobs>({ waiting: 0, running: 0, failed: 0 });
  problems = $state.raw<Problem[]>([]);
  problemsError = $state.raw<ApiError>();
  #timer = 0;

  /** Follows the news; returns what stops it. */
  start(): () => void {
    void this.load();
    const stops = [
      events.on('timeline', () => this.#soon()),
      events.on('resumed', () => this.#soon()),
      events.on('jobs', (jobs) => {
        this.jobs = jobs;
        this.#soon();
      })
    ];
    return () => {
      clearTimeout(this.#timer);
      this.#timer = 0;
      for (const stop of stops) stop();
    };
  }

  #soon(): void {
    this.#timer ||= window.setTimeout(() => {
      this.#timer = 0;
      void this.load();
    }, PAUSE_MS);
  }

  async load(): Promise<void> {
    await Promise.all([this.#loadStatus(), this.loadProblems()]);
  }

  async #loadStatus(): Promise<void> {
    const status = await api.status().catch(() => undefined);
    if (!status) return;
    this.status = status;
    this.jobs = status.jobs;
  }

  async loadProblems(): Promise<void> {
    try {
      this.problems = await api.problems();
      this.problemsError = undefined;
    } catch (error) {
      if (error instanceof ApiError) this.problemsError = error;
    }
  }
}

export const home = new Home();
