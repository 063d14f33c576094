// Parts of a recovery kit in words: what somebody types from paper, and what the homes that are asked say.

import type { KitAsking, KitHome } from '$lib/api/vault';
import { counted } from '$lib/family/words';
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

/** `7 days`, `1 day and 4 hours`, `5 hours`. */
export function delayWords(hours: number): string {
  const [days, rest] = [Math.floor(hours / 24), hours % 24];
  if (days === 0) return counted(Math.max(1, hours), 'hour');
  return rest === 0 || days > 2 ? counted(Math.round(hours / 24), 'day') : `${counted(days, 'day')} and ${counted(rest, 'hour')}`;
}

/** The title of the wait. */
export function partsTitle({ have, needed }: KitAsking): string {
  if (!needed) return have === 0 ? 'No part is here yet' : `${counted(have, 'part')} is here`;
  return have >= needed ? 'All parts are here' : `${have === 0 ? 'No part' : have} of ${needed} parts ${have > 1 ? 'are' : 'is'} here`.replace('No part of', 'None of the');
}
