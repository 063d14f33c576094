// Folds a partial answer into the known timeline. A month is the unit of change.

import type { Month, Skeleton } from './skeleton';

/** The known timeline with every month of `change` in place of its own; months without photos leave. */
export function mergeSkeleton(known: Skeleton, change: Skeleton): Skeleton {
  if (!change.partial) return change;
  const chosen = chooseMonths(known, change);
  const n = chosen.reduce((sum, [, month]) => sum + month.count, 0);
  const aspect = new Uint8Array(n);
  const colour = new Uint16Array(n);
  const months: Month[] = [];
  let first = 0;
  for (const [source, month] of chosen) {
    aspect.set(source.aspect.subarray(month.first, month.first + month.count), first);
    colour.set(source.colour.subarray(month.first, month.first + month.count), first);
    months.push({ ...month, first });
    first += month.count;
  }
  return { rev: change.rev, n, partial: false, months, aspect, colour };
}

/** Months newest first, each with the skeleton that its photos come from. */
function chooseMonths(known: Skeleton, change: Skeleton): [Skeleton, Month][] {
  const replaced = new Set(change.months.map((month) => month.key));
  const kept = known.months.filter((month) => !replaced.has(month.key)).map((month): [Skeleton, Month] => [known, month]);
  const fresh = change.months.filter((month) => month.count > 0).map((month): [Skeleton, Month] => [change, month]);
  return [...kept, ...fresh].sort(([, a], [, b]) => b.year * 12 + b.month - (a.year * 12 + a.month));
}

/** What a person would want to know about a change: how many photos came, and the newest month that grew. */
export function arrivals(before: Skeleton, after: Skeleton): { count: number; month: string | undefined } {
  const counts = new Map(before.months.map((month) => [month.key, month.count]));
  let count = 0;
  let newest: string | undefined;
  for (const month of after.months) {
    const grown = month.count - (counts.get(month.key) ?? 0);
    if (grown <= 0) continue;
    count += grown;
    newest ??= month.key;
  }
  return { count, month: newest };
}
