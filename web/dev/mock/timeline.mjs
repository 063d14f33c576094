// The mock's side of docs/formats/timeline.md.
const LOG_MIN = Math.log(0.2);
const LOG_STEP = (Math.log(5) - LOG_MIN) / 255;
const aspectOf = (ratio) => Math.max(0, Math.min(255, Math.round((Math.log(ratio) - LOG_MIN) / LOG_STEP)));

/** Photos by month, newest first; `list` is in timeline order. */
let grouped = { list: undefined, rev: -1, months: new Map() };
function byMonth(list, rev) {
  if (grouped.list === list && grouped.rev === rev) return grouped.months;
  const months = new Map();
  for (const photo of list) {
    const known = months.get(photo.month);
    if (known) known.push(photo);
    else months.set(photo.month, [photo]);
  }
  grouped = { list, rev, months };
  return months;
}

let last = { key: '', list: undefined, bytes: undefined };
export function encodeSkeleton(library, list, since) {
  const key = `${library.rev} ${since}`;
  if (last.key !== key || last.list !== list) last = { key, list, bytes: encode(library, list, since) };
  return last.bytes;
}

function encode(library, list, since) {
  const months = byMonth(list, library.rev);
  const partial = since !== null && Number(since) <= library.rev;
  const keys = partial
    ? [...library.revs].filter(([, rev]) => rev > Number(since)).map(([key]) => key).sort().reverse()
    : [...months.keys()];
  const photos = keys.flatMap((key) => months.get(key) ?? []);
  const parts = [];
  const head = Buffer.alloc(16);
  head.write('HTL1');
  head.writeUInt32LE(library.rev, 4);
  head.writeUInt32LE(photos.length, 8);
  head.writeUInt16LE(keys.length, 12);
  head.writeUInt16LE(partial ? 1 : 0, 14);
  parts.push(head);
  for (const key of keys) {
    const days = new Map();
    for (const photo of months.get(key) ?? []) days.set(photo.day, (days.get(photo.day) ?? 0) + 1);
    const bytes = Buffer.alloc(12 + 4 * days.size);
    bytes.writeUInt16LE(Number(key.slice(0, 4)), 0);
    bytes[2] = Number(key.slice(5));
    bytes[3] = days.size;
    bytes.writeUInt32LE(months.get(key)?.length ?? 0, 4);
    bytes.writeUInt32LE(library.revs.get(key) ?? 0, 8);
    [...days].forEach(([day, count], i) => bytes.writeUInt32LE((day | (count << 8)) >>> 0, 12 + 4 * i));
    parts.push(bytes);
  }
  parts.push(Buffer.from(photos.map((photo) => aspectOf(photo.ratio))));
  if (parts.reduce((sum, part) => sum + part.length, 0) % 2) parts.push(Buffer.alloc(1));
  parts.push(Buffer.from(Uint16Array.from(photos, (photo) => photo.colour).buffer));
  return Buffer.concat(parts);
}

export function encodeColumns(library, list, month, part) {
  const all = byMonth(list, library.rev).get(month);
  if (!all || part * 2000 >= all.length) return undefined;
  const some = all.slice(part * 2000, part * 2000 + 2000);
  const start = Date.UTC(Number(month.slice(0, 4)), Number(month.slice(5)) - 1, 1);
  const differences = (values) => values.map((value, i) => (i === 0 ? value : value - values[i - 1]));
  return {
    rev: library.revs.get(month) ?? 0, month, part, parts: Math.ceil(all.length / 2000), first: part * 2000, count: some.length,
    id: differences(some.map((photo) => photo.id)),
    at: differences(some.map((photo) => Math.floor((photo.localMs - start) / 1000))),
    flags: some.map((photo) => photo.flags), owner: some.map(() => 0), owners: [library.owner],
    duration: some.map(() => 0), v: some.map((photo) => photo.version)
  };
}
