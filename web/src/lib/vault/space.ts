// Amounts of space that a person can choose or type.

import { formatBytes } from '$lib/format';

export const GB = 1e9;
/** The least that is worth asking for, and the most that a home is taken to have. */
export const SPACE_MIN = GB;
export const SPACE_MAX = 1000e12;
/** Room to grow, beside what there is now. */
const ROOM = 1.5;
const STEPS = [10, 25, 50, 100, 250, 500, 1000, 2000, 4000, 8000, 16_000].map((gb) => gb * GB);

/** Reads `500`, `500 GB`, `1.5 TB`, `1,5 TB`; undefined for anything else. Without a unit it is gigabytes. */
export function parseSpace(text: string): number | undefined {
  const found = /^(\d+(?:[.,]\d+)?)\s*(gb|tb|g|t)?$/i.exec(text.trim());
  if (!found) return undefined;
  const amount = Number(found[1].replace(',', '.')) * (/^t/i.test(found[2] ?? '') ? 1000 : 1) * GB;
  return amount >= SPACE_MIN && amount <= SPACE_MAX ? Math.round(amount) : undefined;
}

/** As one would type it. */
export function spaceText(bytes: number): string {
  const gb = bytes / GB;
  const tidy = (n: number) => String(Math.round(n * 10) / 10);
  return gb >= 1000 ? `${tidy(gb / 1000)} TB` : `${tidy(gb)} GB`;
}

/** Amounts to choose from for so many bytes: the one that fits with room to grow, and its neighbours. */
export function spaceChoices(bytes: number): { choices: number[]; fits: number } {
  const enough = STEPS.findIndex((step) => step >= bytes * ROOM);
  const at = enough < 0 ? STEPS.length - 1 : enough;
  const from = Math.max(0, Math.min(at - 1, STEPS.length - 4));
  return { choices: STEPS.slice(from, from + 4), fits: STEPS[at] };
}

/** `380 GB of 500 GB`, `380 GB of 1 TB`. */
export function ofSpace(bytes: number, quota: number): string {
  return quota > 0 ? `${formatBytes(bytes)} of ${spaceText(quota)}` : formatBytes(bytes);
}
