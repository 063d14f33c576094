// Putting photos elsewhere with the mouse: where in the grid a pointer would let them go. Touch has buttons instead,
// because a finger that moves scrolls.

import { lastAtMost, type Layout } from '$lib/timeline/layout';
import { RATIO, type Skeleton } from '$lib/timeline/skeleton';

export interface Gap {
  /** Position before which the photos come to stand. */
  index: number;
  x: number;
  y: number;
  height: number;
}

/** The gap between photos that is nearest to a point of the grid. */
export function gapAt(shape: Skeleton, layout: Layout, x: number, y: number): Gap | undefined {
  if (layout.rows === 0) return undefined;
  const row = Math.max(0, lastAtMost(layout.rowTop, y, layout.rows));
  const height = layout.rowHeight[row];
  const end = layout.rowFirst[row + 1];
  let left = 0;
  for (let index = layout.rowFirst[row]; index < end; index++) {
    const width = RATIO[shape.aspect[index]] * height;
    if (x < left + width / 2) return { index, x: left - layout.gap / 2, y: layout.rowTop[row], height };
    left += width + layout.gap;
  }
  return { index: end, x: left - layout.gap / 2, y: layout.rowTop[row], height };
}

/** Speed at which the page creeps along when the pointer is near its edge, in pixels a frame. */
export function creep(y: number, top: number, bottom: number): number {
  const edge = 80;
  if (y < top + edge) return -Math.min(18, (top + edge - y) / 4);
  if (y > bottom - edge) return Math.min(18, (y - bottom + edge) / 4);
  return 0;
}
