// How safe everything is, kept up to date for the rail, the Safety page and the family's cards.

import { ApiError } from '$lib/api/client';
import { vaultApi, type Keeper, type Level, type VaultStatus, type Ward } from '$lib/api/vault';
import { events } from '$lib/events.svelte';
import { soon } from '$lib/ui/soon';

/** Bursts of news lead to one question. */
const PAUSE_MS = 800;
const REMEMBERED = 'heirloom.vault';

/** What the shell paints, also before home answers, so that nothing moves when it does. */
type Kind = Level | 'restoring' | 'replaced';

export function kindOf({ restoring, replaced, level }: VaultStatus): Kind {
  if (restoring) return 'restoring';
  return replaced ? 'replaced' : level;
}

class Vault {
  status = $state.raw<VaultStatus>();
  error = $state.raw<ApiError>();
  readonly remembered = sessionStorage.getItem(REMEMBERED) as Kind | undefined;

  /** Follows the news; returns what stops it. */
  start(): () => void {
    void this.load();
    const later = soon(() => void this.load(), PAUSE_MS);
    const stops = [events.on('vault', later.ask), events.on('peers', later.ask), events.on('resumed', later.ask)];
    return () => {
      later.stop();
      for (const stop of stops) stop();
    };
  }

  async load(): Promise<void> {
    try {
      this.status = await vaultApi.status();
      this.error = undefined;
      sessionStorage.setItem(REMEMBERED, kindOf(this.status));
    } catch (error) {
      this.error = error instanceof ApiError ? error : new ApiError(0, 'Home could not be reached.');
    }
  }

  keeper(household: string): Keeper | undefined {
    return this.status?.keepers.find((keeper) => keeper.household === household);
  }

  ward(household: string): Ward | undefined {
    return this.status?.wards.find((ward) => ward.household === household);
  }
}

export const vault = new Vault();
