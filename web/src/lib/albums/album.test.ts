import { beforeEach, expect, test, vi } from 'vitest';
import type { Album, Entry, Remark } from '$lib/api/family';
import type { AlbumStore } from './album.svelte';

const news = new Map<string, (data: never) => void>();
vi.mock('$lib/events.svelte', () => ({ events: { on: (kind: string, handler: (data: never) => void) => (news.set(kind, handler), () => news.delete(kind)) } }));
vi.mock('$lib/session.svelte', () => ({ session: { account: { id: 'me' } } }));
const said: string[] = [];
vi.mock('$lib/shell/toasts.svelte', () => ({ toasts: { show: (text: string) => said.push(text) } }));
vi.stubGlobal('location', { origin: 'http://home' });

/** A home with one album, which refuses or delays changes on demand. */
class Home {
  album = { id: 'al', albumName: 'Summer', sort: 'hand', role: 'owner', ended: null, homes: [] } as unknown as Album;
  entries: Entry[] = [...'abcd'].map((content) => ({ id: `id-${content}`, content, takenAt: null, ratio: 1.5, mine: true, favourite: false }) as unknown as Entry);
  remarks: Remark[] = [];
  asked: string[] = [];
  refuse = false;
  /** Changes wait for this before they are answered. */
  gate = Promise.resolve();

  answer = async (path: string, init: RequestInit = {}): Promise<Response> => {
    const method = init.method ?? 'GET';
    this.asked.push(`${method} ${path}`);
    if (method !== 'GET') {
      await this.gate;
      if (this.refuse) return Response.json({ message: 'No.' }, { status: 403 });
      return this.change(method, path, JSON.parse(String(init.body ?? '{}')));
    }
    const url = new URL(path, 'http://home');
    if (path.includes('/entries')) {
      const from = Number(url.searchParams.get('from'));
      return Response.json({ total: this.entries.length, entries: this.entries.slice(from, from + 500) });
    }
    if (path.includes('/activity')) return Response.json([]);
    if (path.includes('/activities')) return Response.json(this.remarks);
    return Response.json(this.album);
  };

  change(method: string, path: string, body: Record<string, unknown>): Response {
    if (path.includes('/entries/')) {
      const content = path.split('/').pop();
      const { after } = body.order as { after: string | null };
      const moving = this.entries.find((entry) => entry.content === content)!;
      const rest = this.entries.filter((entry) => entry !== moving);
      const at = after === null ? 0 : rest.findIndex((entry) => entry.content === after) + 1;
      this.entries = [...rest.slice(0, at), moving, ...rest.slice(at)];
    } else if (method === 'PATCH') this.album = { ...this.album, ...body };
    else if (path === '/api/activities') this.remarks.push({ id: String(this.remarks.length), createdAt: 0, type: body.type, comment: body.comment ?? null, assetId: body.assetId ?? null, user: { id: 'me', name: 'Me' } } as Remark);
    return new Response(null, { status: 204 });
  }
}

let home: Home;
let store: AlbumStore;
const names = () => store.slots.map((entry) => entry?.content ?? '?').join('');
const tell = (...changed: string[]) => news.get('album')!({ id: 'al', changed } as never);

beforeEach(async () => {
  home = new Home();
  said.length = 0;
  vi.stubGlobal('fetch', home.answer);
  const { AlbumStore } = await import('./album.svelte');
  store = new AlbumStore('al');
  store.start();
  await vi.waitUntil(() => store.slots.length === 4);
});

test('what another home does appears by itself', async () => {
  home.entries = [...home.entries, { ...home.entries[0], id: 'id-e', content: 'e' }];
  home.album = { ...home.album, albumName: 'Summer by the sea' };
  tell('entries', 'about');
  await vi.waitUntil(() => names() === 'abcde' && store.album?.albumName === 'Summer by the sea');
});

test('news of another album leads to no question', async () => {
  const before = home.asked.length;
  news.get('album')!({ id: 'other', changed: ['entries'] } as never);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(home.asked).toHaveLength(before);
});

test('a change shows at once, and stays when home agrees', async () => {
  const done = store.change({ albumName: 'Autumn' });
  expect(store.album?.albumName).toBe('Autumn');
  expect(await done).toBe(true);
  await vi.waitUntil(() => home.album.albumName === 'Autumn');
  expect(store.album?.albumName).toBe('Autumn');
});

test('a change that home refuses goes back, with a word', async () => {
  home.refuse = true;
  expect(await store.change({ albumName: 'Autumn' })).toBe(false);
  expect(store.album?.albumName).toBe('Summer');
  expect(said).toEqual(['The change was not saved. No.']);
  await store.move(new Set(['d']), 0);
  expect(names()).toBe('abcd');
});

test('older news does not undo what is just being written', async () => {
  let open = () => {};
  home.gate = new Promise((resolve) => (open = resolve));
  const done = store.change({ albumName: 'Autumn' });
  tell('about', 'entries');
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(store.album?.albumName).toBe('Autumn');
  open();
  await done;
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(store.album?.albumName).toBe('Autumn');
});

test('the order by hand is told photo by photo, and home comes to the same', async () => {
  const done = store.move(new Set(['c', 'd']), 1);
  expect(names()).toBe('acdb');
  await done;
  expect(home.entries.map((entry) => entry.content).join('')).toBe('acdb');
});

test('a heart is given once and taken back', async () => {
  await store.loadRemarks();
  await store.like('id-a');
  expect(store.remarksOn('id-a').map((remark) => remark.type)).toEqual(['like']);
  expect(store.remarksOn(null)).toEqual([]);
  await store.like('id-a');
  expect(home.asked).toContain('DELETE /api/activities/0');
});

test('long albums are fetched whole, very long ones where they are looked at', async () => {
  home.entries = Array.from({ length: 6_000 }, (_, i) => ({ ...home.entries[0], id: `n${i}`, content: `n${i}` }));
  tell('entries');
  await vi.waitUntil(() => store.slots.length === 6_000);
  store.want(5_500, 5_520);
  await vi.waitUntil(() => store.slots[5_510]?.content === 'n5510');
  expect(store.slots[3_000]).toBeUndefined();
});
