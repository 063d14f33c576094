// Failures in words, and actions that say so when they fail.

import { ApiError } from '$lib/api/client';
import { toasts } from '$lib/shell/toasts.svelte';

/** What went wrong and what to do, as one line. */
export function wordsOf(error: unknown): string {
  return error instanceof ApiError ? [error.message, error.hint].filter(Boolean).join(' ') : 'Home could not be reached.';
}

/** Runs what a button asked for; a failure is said at the foot of the page. True when it worked. */
export async function attempt(what: string, work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    toasts.show(`${what} ${wordsOf(error)}`, { tone: 'warn' });
    return false;
  }
}
