import { beforeEach, expect, test, vi } from 'vitest';
import type { Columns, WireColumns } from './columns';
import { encodeSkeleton, type Skeleton } from './skeleton';
import type { TimelineStore } from './store.svelte';
import { synthetic } from './synthetic';

const news = new Map<string, (data: never) => void>();
vi.mock('$lib/events.svelte', () => ({ events: { on: (kind: string, handler: (data: never) => void) => news.set(kind, handler) } }));
vi.mock('$lib/session.svelte', () => ({ session: { rememberedId: undefined, ready: Promise.resolve() } }));
vi.stubGlobal('window', globalThis);

/** A home that answers from one skeleton; ids are 1000 less the index, so the newest photo has the largest. */
class Home {
  whole = synthetic([3, 2500, 4]);
  partial: Skeleton | undefined;
  asked: string[] = [];
  /** Added to the revision of columns: a home that moved on. */
  ahead = 0;

  answer = async (path: string): Promise<Response> => {
    this.asked.push(path);
    if (path.includes('/skeleton')) return new Response(encodeSkeleton((path.includes('since=') && this.partial) || this.whole));
    const [month, part = '0'] = path.split('/').pop()!.split('.');
    return Response.json(this.columns(month, Number(part)));
  };

  columns(key: string, part: number): WireColumns {
    const month = this.whole.months.find((candidate) => candidate.key === key)!;
    const count = Math.min(2000, month.count - part * 2000);
    const first = month.first + part * 2000;
    const ones = (value: number) => Array.from({ length: count }, () => value);
    return {
      rev: month.rev + this.ahead, month: key, part, parts: Math.ceil(month.count / 2000), first: part * 2000, count,
      id: ones(0).map((_, i) => (i === 0 ? 100_000 - first : -1)), at: ones(0), flags: ones(0), owner: ones(0), owners: ['o'], duration: ones(0), v: ones(1)
    };
  }
}

let home: Home;
let store: TimelineStore;
beforeEach(async () => {
  home = new Home();
  vi.stubGlobal('fetch', home.answer);
  const { TimelineStore } = await import('./store.svelte');
  store = new TimelineStore('all');
  await store.start();
});
const loaded = (key: string) => vi.waitUntil(() => store.parts.has(key));

/** The same timeline with one photo more at the front, told as a change of the first month. */
function arrival(): void {
  const after = synthetic([4, 2500, 4], 2);
  for (const month of after.months.slice(1)) month.rev = 1;
  home.whole = after;
  const month = after.months[0];
  home.partial = { rev: 2, n: month.count, partial: true, months: [month], aspect: after.aspect.slice(0, 4), colour: after.colour.slice(0, 4) };
}

test('photos are known by index once their part is here, and parts end at 2,000', async () => {
  expect(store.skeleton?.n).toBe(2507);
  expect(store.at(5)).toBeUndefined();
  store.want(['2024-11.0']);
  await loaded('2024-11.0');
  expect(store.at(3)?.id).toBe(100_000 - 3);
  expect(store.keyOf(2002)).toBe('2024-11.0');
  expect(store.keyOf(2003)).toBe('2024-11.1');
  expect((await store.ensure(2003))?.id).toBe(100_000 - 2003);
  expect(store.indexOf(100_000 - 2003)).toBe(2003);
});

test('a change on screen comes in together with its columns, and the reader is asked to hold on', async () => {
  store.want(['2024-12.0', '2024-11.0']);
  await loaded('2024-11.0');
  const seen: (number | undefined)[] = [];
  let arrived: unknown;
  store.anchor = {
    before: () => seen.push(store.skeleton?.n),
    after: (change) => {
      seen.push(store.skeleton?.n, store.at(0)?.id);
      arrived = change;
    }
  };
  arrival();
  news.get('timeline')!({ rev: 2, months: ['2024-12'] } as never);
  await vi.waitUntil(() => arrived, { timeout: 5_000 });
  expect(seen).toEqual([2507, 2508, 100_000]);
  expect(arrived).toEqual({ count: 1, month: '2024-12' });
  expect(home.asked.some((path) => path.endsWith('since=1'))).toBe(true);
  expect(store.parts.has('2024-11.0')).toBe(true); // months that did not change are not fetched again
  expect(home.asked.filter((path) => path.endsWith('2024-11.0'))).toHaveLength(1);
});

test('while the viewer is open nothing moves; afterwards it does', async () => {
  store.hold(true);
  arrival();
  await store.refresh();
  expect(store.skeleton?.n).toBe(2507);
  store.hold(false);
  await vi.waitUntil(() => store.skeleton?.n === 2508, { timeout: 5_000 });
});

test('columns of a later state are not shown with the old skeleton', async () => {
  home.ahead = 1;
  const before = home.asked.length;
  expect(await store.ensure(0)).toBeUndefined();
  await vi.waitUntil(() => home.asked.slice(before).some((path) => path.includes('skeleton')), { timeout: 5_000 });
});

test('a mark shows at once, and one photo can be looked at anew', async () => {
  await store.ensure(0);
  store.mark(100_000, 4, true);
  expect(store.at(0)?.flags).toBe(4);
  store.mark(100_000, 4, false);
  expect(store.at(0)?.flags).toBe(0);
  const original = home.columns.bind(home);
  home.columns = (key, part) => ({ ...original(key, part), flags: [32, 0, 0], v: [7, 1, 1] });
  await store.look(100_000);
  const columns = store.parts.get('2024-12.0') as Columns;
  expect([columns.flags[0], columns.version[0]]).toEqual([32, 7]);
});
