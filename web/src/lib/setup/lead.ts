// The way to the first-run page, for a node that holds no home yet.

import { goto } from '$app/navigation';
import { ApiError } from '$lib/api/client';
import { setupApi } from '$lib/api/vault';

const CODE = 'heirloom.code';

/** Keeps the code that the terminal printed into the address, while this tab is open. True when there was one. */
export function takeCode(): boolean {
  const found = /^#code=([\w-]{4,128})$/.exec(location.hash);
  if (found) keepCode(found[1]);
  return found !== null;
}

export function keepCode(code: string): void {
  sessionStorage.setItem(CODE, code);
}

export function keptCode(): string | undefined {
  return sessionStorage.getItem(CODE) ?? undefined;
}

/** Whether home refused because of the code. */
export function isCodeWrong(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 401 || error.status === 403);
}

/** After a failure that a running home doesn't have: goes to the first-run page where there is no home yet. */
export async function leadToSetup(error: unknown): Promise<void> {
  if (!(error instanceof ApiError) || error.status === 0 || error.status === 401) return;
  const setup = await setupApi.state(keptCode()).catch(() => undefined);
  if (setup && setup.state !== 'ready') await goto('/setup', { replaceState: true });
}
