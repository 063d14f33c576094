// Which word of a phrase the node thinks is wrong, however it says so.

import type { PhraseAnswer, WordHint } from '$lib/api/vault';

/** A place from 1 to 24 and what may stand there. */
export interface Hint {
  position: number;
  likely?: string;
}

/** Reads a place, or a place with a guess; anything else is no hint. */
export function hintOf(word: unknown): Hint | undefined {
  if (typeof word === 'number') return isPlace(word) ? { position: word } : undefined;
  if (typeof word !== 'object' || word === null) return undefined;
  const { position, likely } = word as Partial<WordHint>;
  return typeof position === 'number' && isPlace(position) ? { position, likely: likely ?? undefined } : undefined;
}

const isPlace = (n: number) => Number.isInteger(n) && n >= 1 && n <= 24;

/** Why a phrase is not the right one, in a sentence, and the word to look at. */
export function wrongPhrase(answer: PhraseAnswer): { message: string; hint?: Hint } {
  const { problem } = answer;
  if (typeof problem === 'string' && problem) return { message: sentence(problem) };
  if (problem && typeof problem === 'object') return { message: sentence(problem.message), hint: hintOf(problem.word) };
  return { message: 'These words are a recovery phrase, but not the one of this home.' };
}

/** `Word 7 may be “river”. Compare it with your sheet.` */
export function hintWords({ position, likely }: Hint): string {
  return likely ? `Word ${position} is probably “${likely}”. Compare it with your sheet.` : `Look at word ${position} again and compare it with your sheet.`;
}

/** Words of the node as a sentence. */
export function sentence(text: string): string {
  const whole = text.trim();
  return whole.charAt(0).toLocaleUpperCase() + whole.slice(1) + (/[.!?]$/.test(whole) ? '' : '.');
}
