// Homes in words: on or off, how they are reached, when they were last heard.

import { timeOf, type Peer } from '$lib/api/family';
import { formatCount } from '$lib/format';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const day = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'long' });
const dayYear = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'long', year: 'numeric' });
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });

/** A moment as people say it: `just now`, `12 minutes ago`, `yesterday`, `on 3 May`. */
export function ago(ms: number, now: number): string {
  const past = now - ms;
  if (past < MINUTE) return 'just now';
  if (past < HOUR) return counted(Math.floor(past / MINUTE), 'minute') + ' ago';
  const days = daysBetween(ms, now);
  if (days === 0) return counted(Math.floor(past / HOUR), 'hour') + ' ago';
  if (days === 1) return 'yesterday';
  if (days < 7) return `${days} days ago`;
  return `on ${dateWords(ms, now)}`;
}

/** `3 May`, with the year when it is another one. */
export function dateWords(ms: number, now: number): string {
  const same = new Date(ms).getFullYear() === new Date(now).getFullYear();
  return (same ? day : dayYear).format(ms);
}

/** When something ends: `until 14:10`, `until tomorrow, 14:10`, `until 3 May, 14:10`. */
export function until(ms: number, now: number): string {
  const days = daysBetween(now, ms);
  const at = clock.format(ms);
  if (days <= 0) return `until ${at}`;
  return days === 1 ? `until tomorrow, ${at}` : `until ${dateWords(ms, now)}, ${at}`;
}

function daysBetween(from: number, to: number): number {
  const midnight = (ms: number) => new Date(ms).setHours(0, 0, 0, 0);
  return Math.round((midnight(to) - midnight(from)) / DAY);
}

export function counted(n: number, one: string, many = `${one}s`): string {
  return n === 1 ? `1 ${one}` : `${formatCount(n)} ${many}`;
}

/** `Anna`, `Anna and Ben`, `Anna, Ben and Clara`. */
export function listed(names: string[]): string {
  if (names.length < 2) return names[0] ?? '';
  return `${names.slice(0, -1).join(', ')} and ${names[names.length - 1]}`;
}

/** The name that people here use for a home. */
export function nameOf(peer: { name: string; givenName?: string | null }): string {
  return peer.givenName || peer.name;
}

export interface Standing {
  on: boolean;
  text: string;
}

/** Whether a home is on, and how it is reached. */
export function standing(peer: Peer, now: number): Standing {
  if (peer.blocked || peer.path === 'blocked') return { on: false, text: 'Blocked' };
  if (peer.path === 'direct') return { on: true, text: 'On, connected directly' };
  if (peer.path === 'relay') return { on: true, text: 'On, through a relay' };
  if (peer.refusal?.startsWith('not paired')) return { on: false, text: 'No longer connected with you' };
  if (peer.refusal) return { on: false, text: peer.refusal };
  const seen = timeOf(peer.lastSeen);
  return { on: false, text: seen === undefined ? 'Off, not heard from yet' : `Off, last seen ${ago(seen, now)}` };
}

/** `Anna’s home`, but `The Smiths’ home`; names that already speak of a place stay as they are. */
export function possessive(name: string): string {
  return /s$/i.test(name) ? `${name}’` : `${name}’s`;
}
