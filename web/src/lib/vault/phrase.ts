// The 24 words of a recovery phrase, as a person types them: forgiving about what people do with a sheet, helpful about
// a word that is not in the list. The node judges the phrase; this only helps before it is sent.

import { validateMnemonic } from '@scure/bip39';
import { wordlist } from '@scure/bip39/wordlists/english.js';

export const WORD_COUNT = 24;
/** The first four letters of a word name it. */
const TELLING_LETTERS = 4;
const COMPLETIONS_MAX = 4;
const LIKELY_MAX = 3;
/** How much each right letter at the beginning counts against a changed one. */
const BEGINNING_WEIGHT = 0.25;
const PASTED_CHARS_MAX = 2_000;

const words = new Set(wordlist);

/** The words of a text, without the numbers that stand before them on the sheet. */
export function wordsIn(text: string): string[] {
  return text
    .slice(0, PASTED_CHARS_MAX)
    .toLowerCase()
    .split(/[\s,;]+/)
    .map((token) => token.replace(/^\d+[.):]?/, '').replace(/[.):]+$/, ''))
    .filter((token) => token !== '');
}

export type WordState = 'empty' | 'right' | 'begun' | 'unknown';

/** What can be said of one word while it is typed. */
export function stateOf(typed: string): WordState {
  const word = clean(typed);
  if (!word) return 'empty';
  if (words.has(word)) return 'right';
  return wordlist.some((candidate) => candidate.startsWith(word)) ? 'begun' : 'unknown';
}

/** Words that begin like this; none for a whole word that nothing else begins with. */
export function completions(typed: string): string[] {
  const word = clean(typed);
  if (word.length < 2) return [];
  const found = wordlist.filter((candidate) => candidate.startsWith(word)).slice(0, COMPLETIONS_MAX);
  return found.length === 1 && found[0] === word ? [] : found;
}

/** The whole word, where what was typed can mean only one. */
export function completed(typed: string): string {
  const word = clean(typed);
  if (word.length < TELLING_LETTERS || words.has(word)) return word;
  const found = wordlist.filter((candidate) => candidate.startsWith(word));
  return found.length === 1 ? found[0] : word;
}

/** Words of the list that look most like one that is not in it, the nearest first. People mistype ends more than beginnings. */
export function likely(typed: string): string[] {
  const word = clean(typed);
  if (!word || words.has(word)) return [];
  const near = wordlist.map((candidate) => {
    const changes = distance(word, candidate);
    return { candidate, changes, far: changes - sharedBeginning(word, candidate) * BEGINNING_WEIGHT };
  });
  near.sort((a, b) => a.far - b.far);
  const nearest = near[0];
  if (nearest.changes > Math.max(2, word.length / 2)) return [];
  return near.filter(({ far }) => far <= nearest.far + 0.5).slice(0, LIKELY_MAX).map(({ candidate }) => candidate);
}

function sharedBeginning(a: string, b: string): number {
  let n = 0;
  while (n < a.length && a[n] === b[n]) n++;
  return n;
}

export type PhraseState =
  | { kind: 'incomplete'; missing: number }
  /** Words that are not in the list, by place from 1. */
  | { kind: 'unknown'; places: number[] }
  /** All are words of the list, but one is wrong or two are swapped. */
  | { kind: 'checksum' }
  | { kind: 'whole' };

/** What can be said of all words together. */
export function phraseState(typed: string[]): PhraseState {
  const places = typed.flatMap((word, i) => (clean(word) && !words.has(clean(word)) ? [i + 1] : []));
  if (places.length) return { kind: 'unknown', places };
  const missing = WORD_COUNT - typed.filter((word) => clean(word)).length;
  if (missing > 0) return { kind: 'incomplete', missing };
  return validateMnemonic(textOf(typed), wordlist) ? { kind: 'whole' } : { kind: 'checksum' };
}

/** As the node reads it. */
export function textOf(typed: string[]): string {
  return typed.map(clean).join(' ');
}

function clean(typed: string): string {
  return typed.trim().toLowerCase();
}

/** How many letters have to be changed, added, left out or swapped with a neighbour. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? before[j - 2] + 1 : Infinity;
      next.push(Math.min(changed, row[j] + 1, next[j - 1] + 1, swapped));
    }
    before = row;
    row = next;
  }
  return row[b.length];
}
