// The homes that this one knows, and the ones that it is getting to know.

import { ApiError } from '$lib/api/client';
import { family as api, type Household, type Pairing, type Peer } from '$lib/api/family';
import { events } from '$lib/events.svelte';
import { session } from '$lib/session.svelte';
import { soon } from '$lib/ui/soon';
import { asking } from './pairing';
import { nameOf } from './words';

/** Bursts of news lead to one question. */
const PAUSE_MS = 150;

/** Pairings are shown to whoever manages this home; there are none for the others. */
function unlessForbidden(error: unknown): Pairing[] {
  if (error instanceof ApiError && error.status === 403) return [];
  throw error;
}

class Family {
  self = $state.raw<Household>();
  peers = $state.raw<Peer[]>();
  pairings = $state.raw<Pairing[]>([]);
  error = $state.raw<ApiError>();

  /** Homes that wait for somebody here to compare words. */
  readonly asking = $derived(asking(this.pairings));
  /** Only who manages this home connects it with others. */
  readonly managed = $derived(session.account?.isAdmin ?? false);

  /** Follows the news; returns what stops it. */
  start(): () => void {
    void this.load();
    const later = soon(() => void this.load(), PAUSE_MS);
    const stops = [events.on('peers', later.ask), events.on('resumed', later.ask)];
    return () => {
      later.stop();
      for (const stop of stops) stop();
    };
  }

  async load(): Promise<void> {
    try {
      const [self, peers, pairings] = await Promise.all([api.self(), api.peers(), api.pairings().catch(unlessForbidden)]);
      this.self = self;
      this.peers = peers;
      this.pairings = pairings;
      this.error = undefined;
    } catch (error) {
      this.error = error instanceof ApiError ? error : new ApiError(0, 'Home could not be reached.');
    }
  }

  peer(household: string): Peer | undefined {
    return this.peers?.find((peer) => peer.household === household);
  }

  /** What people here call a home, known or not. */
  nameOf(household: string, otherwise: string): string {
    if (household === this.self?.household) return this.self.name;
    const peer = this.peer(household);
    return peer ? nameOf(peer) : otherwise;
  }

  isOn(household: string): boolean {
    const path = this.peer(household)?.path;
    return household === this.self?.household || path === 'direct' || path === 'relay';
  }
}

export const family = new Family();
