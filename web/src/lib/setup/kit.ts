// Parts of a recovery kit in words: what somebody types from paper, and what the homes that are asked say.

import { timeOf } from '$lib/api/family';
import type { KitAsking, KitHome, KitState } from '$lib/api/vault';
import { ago, counted, listed } from '$lib/family/words';
import type { Said } from '$lib/vault/words';

/** Letters of a part on paper: 20 groups of 8. */
export const PART_LETTERS = 160;

/** How many letters of a part were typed; blanks, lines and hyphens don't count. */
export function lettersOf(text: string): number {
  return text.replace(/[\s-]/g, '').length;
}

/** How far a part is typed, in words; nothing for an empty field. */
export function typedWords(text: string): string {
  const letters = lettersOf(text);
  if (letters === 0) return '';
  if (letters < PART_LETTERS) return `${Math.floor(letters / 8)} of 20 groups typed.`;
  return letters === PART_LETTERS ? 'All 20 groups are typed.' : `These are ${letters} letters; the paper has ${PART_LETTERS}.`;
}

/** What a home that was asked says, and what to do. */
export function homeSaid({ state, words, hoursLeft }: KitHome): Said {
  switch (state) {
    case 'asking': return { tone: 'quiet', text: 'Being asked…' };
    case 'asked': return { tone: 'amber', text: 'Asked. Nobody there has answered yet.', advice: 'Call them. Read them the six words below; they see the same on their Safety page, and say yes there. A home that holds no part says so there; its link is enough.' };
    case 'waits': return hoursLeft ? { tone: 'quiet', text: `Said yes. Gives its part in ${delayWords(hoursLeft)}, if nobody says no until then.` } : { tone: 'quiet', text: 'Said yes. Its part comes in a moment.' };
    case 'given': return { tone: 'good', text: 'Its part is here.' };
    case 'refused': return { tone: 'red', text: 'Said no.', advice: 'Call them if that is a mistake.' };
    case 'expired': return { tone: 'amber', text: 'Doesn’t take this link any more, or is asked by too many.', advice: 'Let them send you a new one, and add it below.' };
    default: return { tone: 'amber', text: words ? 'Asked, but off now. It is tried again by itself.' : 'Can’t be reached now. It is tried again by itself.', advice: 'Ask whether the computer there is on.' };
  }
}

/** The same once there are enough parts. */
export function enoughSaid({ state }: KitHome): Said {
  return state === 'given' ? { tone: 'good', text: 'Its part is here.' } : { tone: 'quiet', text: 'Its part is not needed any more.' };
}

/** `7 days`, `1 day and 4 hours`, `5 hours`. */
export function delayWords(hours: number): string {
  const [days, rest] = [Math.floor(hours / 24), hours % 24];
  if (days === 0) return counted(Math.max(1, hours), 'hour');
  return rest === 0 || days > 2 ? counted(Math.round(hours / 24), 'day') : `${counted(days, 'day')} and ${counted(rest, 'hour')}`;
}

const moment = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric', hour: '2-digit', minute: '2-digit' });

/** `Saturday, 21 November 2026 at 14:05`. */
export function stateWords({ madeAt }: KitState): string {
  const at = timeOf(madeAt);
  return at === undefined ? 'A time that is not known' : moment.format(at);
}

/** `yesterday`; nothing for what is longer ago than a week. */
export function stateAgo({ madeAt }: KitState, now: number): string {
  const at = timeOf(madeAt);
  const said = at === undefined ? '' : ago(at, now);
  return said.startsWith('on ') ? '' : said;
}

/** `Ben and Nonna have it.` */
export function whoHas({ places }: KitState): string {
  return places.length ? `${listed(places)} ${places.length === 1 ? 'has' : 'have'} it.` : '';
}

/** Who may have something newer, and what can be done. */
export function silentWords(silent: string[]): string {
  const several = silent.length > 1;
  return `${listed(silent)} ${several ? 'do' : 'does'} not answer now, and may have something newer. Switch ${several ? 'them' : 'it'} on or plug ${several ? 'them' : 'it'} in, and wait some minutes: this page looks again. Or go on without.`;
}

/** What a disk that was named does. */
export function placeThere(there: boolean): Said {
  return there ? { tone: 'good', text: 'Connected.' } : { tone: 'amber', text: 'Not connected now.', advice: 'Plug it in. If it does not come back, take it out here.' };
}

/** The title of the wait. */
export function partsTitle({ have, needed, states }: KitAsking): string {
  if (states?.length) return 'Ready to come back';
  if (!needed) return have === 0 ? 'No part is here yet' : `${counted(have, 'part')} is here`;
  return have >= needed ? 'All parts are here' : `${have === 0 ? 'No part' : have} of ${needed} parts ${have > 1 ? 'are' : 'is'} here`.replace('No part of', 'None of the');
}
