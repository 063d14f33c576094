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

/** Why what was typed cannot be invitations (one in a line) or a folder; undefined when it can. */
export function sourceProblem(kind: 'home' | 'disk', text: string): string | undefined {
  const lines = text.split('\n').map((line) => line.trim()).filter(Boolean);
  if (kind === 'disk') return lines.length === 1 && lines[0].length > 1 ? undefined : 'Write the folder on the disk, such as /media/usb.';
  const whole = (line: string) => /^(heirloom:\/\/[\w-]+#|https?:\/\/\S+#)[\w=.~-]{16,}$/.test(line);
  return lines.length > 0 && lines.every(whole) ? undefined : 'This is not a whole invitation. Copy all of it and paste it again.';
}
