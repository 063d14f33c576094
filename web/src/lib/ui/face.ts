// Initials and their grounds: so many tints that a family can be told apart, so pale that photos stay the colour.

const TINTS = [70, 120, 160, 210, 255, 300, 345, 30];

/** Hue for a name or an id, always the same one. */
export function groundOf(text: string): number {
  let hash = 7;
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) >>> 0;
  return TINTS[((hash ^ (hash >>> 13)) >>> 0) % TINTS.length];
}

/** The first letter, or a dot for nothing. */
export function initial(name: string): string {
  const letter = [...name.replace(/^(the|die|der|das|la|le|les)\s+/i, '').trim()].find((sign) => /[\p{L}\p{N}]/u.test(sign));
  return letter?.toLocaleUpperCase() ?? '·';
}
