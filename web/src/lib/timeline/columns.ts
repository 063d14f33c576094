// Detail of up to 2,000 photos of one month, column by column: ids, times, marks. Ids and times come as differences,
// which compress to almost nothing. Layout: docs/formats/timeline.md.

/** Photos in one part of a month. */
export const PART_PHOTOS = 2000;

/** Bits of a photo's flags. */
export const Flag = { video: 1, live: 2, favourite: 4, edited: 8, caption: 16, failed: 32, pending: 64, shared: 128 } as const;

/** What the node sends. */
export interface WireColumns {
  rev: number;
  month: string;
  part: number;
  parts: number;
  first: number;
  count: number;
  id: number[];
  at: number[];
  flags: number[];
  owner: number[];
  owners: string[];
  duration: number[];
  v: number[];
  h?: string;
}

/** One part of a month, ready to look up by position inside the part. */
export interface Columns {
  /** The month's revision that these positions belong to. */
  rev: number;
  month: string;
  part: number;
  count: number;
  /** Local ids. */
  id: Uint32Array;
  /** Local capture time in seconds since the month's start. */
  at: Int32Array;
  flags: Uint8Array;
  /** Milliseconds, 0 for stills. */
  duration: Uint32Array;
  /** Version of the photo's thumbnail and preview. */
  version: Uint32Array;
}

/** The answer does not describe the photos that it says it does. */
export class ColumnsError extends Error {}

/** Undoes the differences and checks that every column is as long as it should be. */
export function decodeColumns(wire: WireColumns): Columns {
  const { count } = wire;
  if (!Number.isInteger(count) || count < 0 || count > PART_PHOTOS) throw new ColumnsError(`${count} photos in one part`);
  for (const name of ['id', 'at', 'flags', 'duration', 'v'] as const) {
    if (!Array.isArray(wire[name]) || wire[name].length !== count) throw new ColumnsError(`column ${name} is not ${count} long`);
  }
  const id = new Uint32Array(count);
  const at = new Int32Array(count);
  let lastId = 0;
  let lastAt = 0;
  for (let i = 0; i < count; i++) {
    lastId += wire.id[i];
    lastAt += wire.at[i];
    if (!Number.isInteger(lastId) || lastId < 0 || lastId > 0xffffffff) throw new ColumnsError(`id ${lastId} is no local id`);
    id[i] = lastId;
    at[i] = lastAt;
  }
  return {
    rev: wire.rev, month: wire.month, part: wire.part, count, id, at,
    flags: Uint8Array.from(wire.flags), duration: Uint32Array.from(wire.duration), version: Uint32Array.from(wire.v)
  };
}

/** Names a part of a month in maps and addresses: `2024-05.0`. */
export function partKey(month: string, part: number): string {
  return `${month}.${part}`;
}

/** Address of a photo's small picture; `version` makes it immutable. */
export function thumbnailUrl(id: number, version: number, size: 'thumbnail' | 'preview' = 'thumbnail'): string {
  return `/api/assets/${id}/thumbnail?size=${size}&v=${version}`;
}
