// Checking a recovery kit: what the homes say, in words that promise no more than is known.

import { vaultApi } from '$lib/api/vault';
import { toasts } from '$lib/shell/toasts.svelte';

/** Has every home of a kit compare its part with the kit, and says what came of it. */
export async function checkKit(id: string): Promise<void> {
  const { allRight } = await vaultApi.checkKit(id);
  toasts.show(allRight ? 'Every home says that its part is right' : 'Not every home could say so. Try again when all are on.', allRight ? {} : { tone: 'warn' });
}
