// Which words of a new phrase are asked for again, and whether they are right.

export const ASKED = 3;

/** Places, from 1 and rising, spread over the whole sheet; `random` gives numbers from 0 to 1. */
export function askedPlaces(count: number, random: () => number): number[] {
  const third = count / ASKED;
  return Array.from({ length: ASKED }, (_, i) => Math.floor(i * third + random() * third) + 1);
}

/** Places of `asked` where something else was typed than stands on the sheet. */
export function wrongPlaces(phrase: string[], asked: number[], typed: string[]): number[] {
  return asked.filter((place, i) => typed[i].trim().toLowerCase() !== phrase[place - 1]);
}

/** Why a source cannot be an invitation or a folder; undefined when it can. */
export function sourceProblem(kind: 'home' | 'disk', text: string): string | undefined {
  const given = text.trim();
  if (kind === 'home') return /^(heirloom:\/\/[\w-]+#|https?:\/\/\S+#)[\w=.~-]{16,}$/.test(given) ? undefined : 'This is not a whole invitation. Copy all of it and paste it again.';
  return given.length > 1 ? undefined : 'Write the folder on the disk, such as /media/usb.';
}
