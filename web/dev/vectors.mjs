// Writes the golden files of docs/formats/timeline.md. Bytes are put together by hand here, apart from the page's own
// encoder, so that an error in one shows in the other.
import { mkdirSync, writeFileSync } from 'node:fs';

const out = new URL('../../docs/formats/vectors/timeline/', import.meta.url);
mkdirSync(out, { recursive: true });
const write = (name, data) => writeFileSync(new URL(name, out), data);
const json = (name, value) => write(name, JSON.stringify(value, null, 1) + '\n');

const u16 = (v) => [v & 255, (v >> 8) & 255];
const u32 = (v) => [v & 255, (v >>> 8) & 255, (v >>> 16) & 255, (v >>> 24) & 255];
const text = (s) => [...Buffer.from(s)];
const at = (year, month, count, rev, days) => [...u16(year), month, days.length, ...u32(count), ...u32(rev), ...days.flatMap(([d, c]) => u32((d | (c << 8)) >>> 0))];

/** Bytes of a skeleton; `extra` spoils single fields. */
function skeleton({ magic = 'HTL1', rev, n, flags = 0, months, aspect, colour, pad = 0, months_count }) {
  const head = [...text(magic), ...u32(rev), ...u32(n ?? aspect.length), ...u16(months_count ?? months.length), ...u16(flags)];
  const body = [...head, ...months.flatMap((m) => at(...m)), ...aspect];
  if (body.length % 2) body.push(pad);
  return Buffer.from([...body, ...colour.flatMap(u16)]);
}
/** What a reader makes of it. */
function meaning({ rev, flags = 0, months, aspect, colour }) {
  let first = 0;
  return {
    rev, partial: flags === 1, n: aspect.length,
    months: months.map(([year, month, count, month_rev, days]) => ({ year, month, month_rev, first: (first += count) - count, count, days })),
    aspect, ratio: aspect.map((a) => +Math.exp(Math.log(0.2) + (a * (Math.log(5) - Math.log(0.2))) / 255).toFixed(6)), colour
  };
}

const small = {
  rev: 41,
  months: [[2026, 7, 4, 41, [[31, 1], [12, 3]]], [2026, 6, 1, 7, [[1, 1]]], [1969, 12, 2, 3, [[24, 2]]]],
  aspect: [0, 128, 255, 151, 103, 179, 76], colour: [0, 65535, 0xf800, 0x07e0, 0x001f, 0x8410, 0x1234]
};
const even = { rev: 1, months: [[2024, 2, 2, 1, [[29, 2]]]], aspect: [151, 103], colour: [0x4208, 0xabcd] };
const empty = { rev: 0, months: [], aspect: [], colour: [] };
const big = {
  rev: 4294967295, months: [[2025, 1, 300, 9, [[31, 299], [1, 1]]]],
  aspect: Array.from({ length: 300 }, (_, i) => (i * 37) % 256), colour: Array.from({ length: 300 }, (_, i) => (i * 2654435761) & 65535)
};
const partial = { rev: 42, flags: 1, months: [[2026, 7, 0, 42, []], [2026, 5, 1, 42, [[9, 1]]]], aspect: [140], colour: [0x0102] };
const nothing = { rev: 42, flags: 1, months: [], aspect: [], colour: [] };
for (const [name, value] of Object.entries({ small, even, empty, big, partial, nothing })) {
  write(`skeleton-${name}.bin`, skeleton(value));
  json(`skeleton-${name}.json`, meaning(value));
}

const whole = skeleton(small);
const rejects = {
  'no-bytes': [Buffer.alloc(0), 'shorter than its header'],
  'short-header': [whole.subarray(0, 15), 'shorter than its header'],
  magic: [skeleton({ ...small, magic: 'HTL2' }), 'a later version'],
  flags: [skeleton({ ...small, flags: 2 }), 'an unknown flag'],
  'cut-in-months': [whole.subarray(0, 20), 'ends inside its months'],
  'cut-in-days': [whole.subarray(0, 30), 'ends inside its days'],
  'cut-in-aspect': [whole.subarray(0, 70), 'aspects and colours missing'],
  'cut-by-one': [whole.subarray(0, whole.length - 1), 'last byte missing'],
  'one-too-many': [Buffer.concat([whole, Buffer.from([0])]), 'a byte left over'],
  padding: [skeleton({ ...small, pad: 1 }), 'padding is not zero'],
  'count-above': [skeleton({ ...small, n: 8 }), 'months hold fewer photos than the header says'],
  'months-above': [skeleton({ ...even, months_count: 65535 }), 'fewer months than the header says'],
  'month-13': [skeleton({ ...even, months: [[2024, 13, 2, 1, [[29, 2]]]] }), 'month 13'],
  'month-0': [skeleton({ ...even, months: [[2024, 0, 2, 1, [[29, 2]]]] }), 'month 0'],
  'day-0': [skeleton({ ...even, months: [[2024, 2, 2, 1, [[0, 2]]]] }), 'day 0'],
  'day-32': [skeleton({ ...even, months: [[2024, 2, 2, 1, [[32, 2]]]] }), 'day 32'],
  'day-empty': [skeleton({ ...even, months: [[2024, 2, 2, 1, [[29, 2], [28, 0]]]] }), 'a day without photos'],
  'days-rise': [skeleton({ ...even, months: [[2024, 2, 2, 1, [[1, 1], [2, 1]]]] }), 'days are not newest first'],
  'days-sum': [skeleton({ ...even, months: [[2024, 2, 2, 1, [[29, 1]]]] }), 'days hold fewer photos than their month says'],
  'months-rise': [skeleton({ ...even, months: [[2024, 1, 1, 1, [[2, 1]]], [2024, 2, 1, 1, [[2, 1]]]] }), 'months are not newest first'],
  'months-twice': [skeleton({ ...even, months: [[2024, 2, 1, 1, [[2, 1]]], [2024, 2, 1, 1, [[2, 1]]]] }), 'a month twice'],
  'empty-month': [skeleton({ ...empty, months: [[2024, 2, 0, 1, []]] }), 'an empty month in a whole timeline']
};
for (const [name, [bytes]] of Object.entries(rejects)) write(`reject-${name}.bin`, bytes);
json('reject.json', Object.fromEntries(Object.entries(rejects).map(([name, [, why]]) => [`reject-${name}.bin`, why])));

const base = { rev: 12, month: '2024-05', part: 0, parts: 1, first: 0 };
const owners = ['018f3b6e-7c11-8a52-9d0e-2b7f4c1a9e33'];
json('columns-small.json', {
  wire: { ...base, count: 3, id: [905, -1, -4], at: [2591999, -60, -3600], flags: [4, 0, 64], owner: [0, 0, 0], owners, duration: [0, 1500, 0], v: [1, 2, 0], h: 'AwECAwACCgs=' },
  photos: [
    { id: 905, at: 2591999, flags: 4, owner: owners[0], duration: 0, v: 1, thumbhash: '010203' },
    { id: 904, at: 2591939, flags: 0, owner: owners[0], duration: 1500, v: 2, thumbhash: '' },
    { id: 900, at: 2588339, flags: 64, owner: owners[0], duration: 0, v: 0, thumbhash: '0a0b' }
  ]
});
json('columns-second-part.json', {
  wire: { ...base, part: 1, parts: 2, first: 2000, count: 1, id: [7], at: [0], flags: [16], owner: [0], owners, duration: [0], v: [1] },
  photos: [{ id: 7, at: 0, flags: 16, owner: owners[0], duration: 0, v: 1 }]
});
json('columns-reject-short.json', { reject: 'a column shorter than count', wire: { ...base, count: 2, id: [1, 1], at: [5], flags: [0, 0], owner: [0, 0], owners, duration: [0, 0], v: [1, 1] } });
json('columns-reject-id.json', { reject: 'an id below zero', wire: { ...base, count: 2, id: [1, -2], at: [5, 0], flags: [0, 0], owner: [0, 0], owners, duration: [0, 0], v: [1, 1] } });
json('columns-reject-many.json', { reject: 'more than 2,000 in one part', wire: { ...base, count: 2001, id: [], at: [], flags: [], owner: [], owners, duration: [], v: [] } });
