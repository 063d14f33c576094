// A newer copy of this home elsewhere, in words: what it is, what may be behind it, how far it is brought home.

import type { NewerState } from '$lib/api/vault';
import { dateWords } from '$lib/family/words';
import { formatCount, photos } from '$lib/format';
import { sentence } from './hint';

/** `Ben keeps a newer copy of your photos and albums, from 3 May. Bring it home?` */
export function newerTitle({ place, state }: NewerState, at: number | undefined, now: number): string {
  const from = at === undefined ? '' : `, from ${dateWords(at, now)}`;
  return state === 'asks' ? `${place} keeps a newer copy of your photos and albums${from}. Bring it home?` : `Newer photos and albums${from} are coming home from ${place}.`;
}

const WHY: Record<NewerState['why'], string> = {
  before: 'This computer was restored to an older day. Photos that came after it are in that copy.',
  after: 'The computer that this one replaced wrote it afterwards. If that computer is yours and still runs, switch it off, then bring its photos home. If it was stolen, leave them.',
  beside: 'Another computer on which your home was restored wrote it. If it was one of you, bring it home. If it was nobody of you, somebody else has your 24 words: leave it, and ask for help.',
  setBack: 'This computer does not remember writing it. If its disk or its backup was set back to an older day, bring the photos since then home. If nobody did that, somebody else may use its keys: leave it, and ask for help.',
  stranger: 'This computer did not write it: somebody else may use its keys. Bring it home only if you know how it came about.'
};

/** What is behind it, or how far it is. */
export function newerWords({ state, why, brought, total, missing, note }: NewerState): string {
  const kept = 'Nothing is deleted there meanwhile.';
  if (state === 'asks') return `${WHY[why]} ${kept}`;
  const so = total > 0 ? `${formatCount(brought)} of ${photos(total)} ${brought === 1 ? 'is' : 'are'} here.` : 'Looking for what is missing here.';
  const lacks = missing > 0 ? ` ${photos(missing)} ${missing === 1 ? 'is' : 'are'} in no copy that answers now.` : '';
  const why_ = note ? ` ${sentence(note)}` : '';
  return `${so}${lacks}${why_} ${state === 'waiting' ? 'It goes on when every home and disk with copies is on.' : 'It goes on by itself.'}`;
}

/** What the button says. */
export function newerAsks({ needsPhrase }: NewerState): string {
  return needsPhrase ? 'Bring it home…' : 'Bring it home';
}

/** How much of it is here, 0 to 1; undefined before that is known. */
export function newerPart({ brought, total }: NewerState): number | undefined {
  return total > 0 ? Math.min(1, brought / total) : undefined;
}
