// Homes, albums and what is said in them, as the node answers: the types and the calls, all through the one door in
// client.ts. Shapes follow Immich where Immich has them.

import { request } from './client';

/** ISO text; milliseconds are read too. */
export type Moment = string | number;

/** Milliseconds since 1970, or undefined for what is no time. */
export function timeOf(moment: Moment | null | undefined): number | undefined {
  const ms = typeof moment === 'number' ? moment : moment ? Date.parse(moment) : NaN;
  return Number.isFinite(ms) ? ms : undefined;
}

export interface Person {
  account: string;
  name: string;
}

/** A home as it describes itself. */
export interface Household {
  household: string;
  name: string;
  people: Person[];
}

export interface Peer extends Household {
  /** The name that somebody here gave it. */
  givenName: string | null;
  words: string[];
  path: 'direct' | 'relay' | 'off' | 'blocked';
  rttMs: number | null;
  lastSeen: Moment | null;
  pairedAt: Moment;
  blocked: boolean;
  /** Why it lets us not in, in its node's words. */
  refusal?: string | null;
  /** Ids of the albums that both homes share. */
  albums: string[];
}

export interface Invitation {
  id: string;
  link: string;
  expiresAt: Moment;
}

export interface Pairing {
  id: string;
  role: 'inviter' | 'guest';
  state: 'waiting' | 'confirm' | 'done' | 'failed';
  name: string | null;
  people: Person[];
  words: string[];
  reason: string | null;
  expiresAt: Moment | null;
}

export type Role = 'owner' | 'admin' | 'contributor' | 'viewer';
/** Roles that can be given; an album has one owner. */
export type GivenRole = Exclude<Role, 'owner'>;

/** Whose home, whose account. */
export interface Author {
  household: string;
  account: string | null;
  name: string;
}

export interface AlbumHome {
  household: string;
  name: string;
  role: Role;
  /** Accounts that the album is open to; none: everybody there. */
  accounts: string[];
}

/** What is here, and what there is. */
export type Have = [have: number, total: number];

export interface Progress {
  thumbnails: Have;
  previews: Have;
  originals: Have;
  bytesMissing: number;
}

export type Sort = 'date' | 'date-desc' | 'hand';
export type Keep = 'originals' | 'previews' | 'demand';

/** Why an album is read only: somebody ended it for this home, or this home left. */
export interface Ended {
  by: string;
  at: Moment;
  left: boolean;
}

export interface Album {
  id: string;
  space: string;
  albumName: string;
  description: string;
  albumThumbnailAssetId: string | null;
  assetCount: number;
  createdAt: Moment;
  updatedAt: Moment;
  startDate?: Moment | null;
  endDate?: Moment | null;
  shared: boolean;
  ownerId: string;
  /** This home's; null when it may only look at what it has. */
  role: Role | null;
  ended: Ended | null;
  homes: AlbumHome[];
  bytes: number;
  keep: Keep;
  inTimeline: boolean;
  sort: Sort;
  progress: Progress;
}

export interface AlbumChange {
  albumName?: string;
  description?: string;
  albumThumbnailAssetId?: string | null;
  sort?: Sort;
  keep?: Keep;
  inTimeline?: boolean;
}

export interface Entry {
  /** The asset's id for whoever asks. */
  id: string;
  content: string;
  by: Author;
  mine: boolean;
  fileName: string;
  caption: string | null;
  /** Wall clock where it was taken. */
  takenAt: string | null;
  addedAt: Moment;
  width: number;
  height: number;
  ratio: number;
  durationMs: number | null;
  thumbhash: string | null;
  colour: string | null;
  favourite: boolean;
  original: 'here' | 'remote' | 'none';
  /** Its small picture is here. */
  thumb: boolean;
  comments: number;
  reactions: Record<string, number>;
}

export interface Entries {
  total: number;
  entries: Entry[];
}

/** `after`: content of the entry to stand behind; null stands at the beginning. */
export interface EntryChange {
  caption?: string;
  favourite?: boolean;
  order?: { after: string | null };
}

export interface Space {
  originals: number;
  previews: number;
  demand: number;
}

export interface AlbumEvent {
  at: Moment;
  by: Author;
  what: string;
  count?: number | null;
  entry?: string | null;
  text?: string | null;
}

/** A comment or a heart. */
export interface Remark {
  id: string;
  createdAt: Moment;
  type: 'comment' | 'like';
  comment: string | null;
  assetId: string | null;
  user: { id: string; name: string };
}

export interface AddResult {
  id: string;
  success: boolean;
  error?: string | null;
}

/** Which part of an album is news. */
export type AlbumPart = 'entries' | 'about' | 'talk' | 'members' | 'progress';

/** Entries in one answer at most. */
export const ENTRIES_PAGE = 500;
/** Photos in one request at most. */
export const ADD_MAX = 1000;

async function send<T>(method: string, path: string, body?: unknown): Promise<T> {
  const init: RequestInit = { method, cache: 'no-store' };
  if (body !== undefined) {
    init.headers = { 'content-type': 'application/json' };
    init.body = JSON.stringify(body);
  }
  const response = await request(`/api${path}`, init);
  const text = await response.text();
  return (text ? JSON.parse(text) : undefined) as T;
}

const get = <T>(path: string) => send<T>('GET', path);
const part = encodeURIComponent;

export const family = {
  self: () => get<Household>('/households/self'),
  renameSelf: (name: string) => send<void>('PUT', '/households/self', { name }),
  peers: () => get<Peer[]>('/peers'),
  pairings: () => get<Pairing[]>('/peers/pairings'),
  invite: () => send<Invitation>('POST', '/peers/invitations', {}),
  withdraw: (id: string) => send<void>('DELETE', `/peers/invitations/${part(id)}`),
  accept: (link: string) => send<Pairing>('POST', '/peers/accept', { link }),
  confirm: (id: string, name: string) => send<void>('POST', `/peers/pairings/${part(id)}/confirm`, { name }),
  deny: (id: string) => send<void>('POST', `/peers/pairings/${part(id)}/deny`, {}),
  changePeer: (household: string, change: { name?: string | null; blocked?: boolean }) => send<void>('PATCH', `/peers/${part(household)}`, change),
  removePeer: (household: string) => send<void>('DELETE', `/peers/${part(household)}`)
};

const album = (id: string) => `/albums/${part(id)}`;
const entry = (id: string, content: string) => `${album(id)}/entries/${part(content)}`;

export const albumsApi = {
  list: () => get<Album[]>('/albums'),
  one: (id: string) => get<Album>(album(id)),
  create: (albumName: string, assetIds: string[]) => send<Album>('POST', '/albums', { albumName, assetIds }),
  change: (id: string, change: AlbumChange) => send<Album | undefined>('PATCH', album(id), change),
  /** Leaves an album; whoever is alone in it ends it. */
  leave: (id: string) => send<void>('DELETE', album(id)),
  add: (id: string, ids: string[]) => send<AddResult[]>('PUT', `${album(id)}/assets`, { ids }),
  remove: (id: string, ids: string[]) => send<AddResult[]>('DELETE', `${album(id)}/assets`, { ids }),
  entries: (id: string, from: number, count: number) => get<Entries>(`${album(id)}/entries?from=${from}&count=${count}`),
  changeEntry: (id: string, content: string, change: EntryChange) => send<void>('PATCH', entry(id, content), change),
  space: (id: string) => get<Space>(`${album(id)}/space`),
  /** Without a role: our own home, where only the accounts can be chosen. */
  setHome: (id: string, household: string, role: GivenRole | undefined, accounts: string[]) => send<void>('PUT', `${album(id)}/homes/${part(household)}`, { role, accounts }),
  removeHome: (id: string, household: string) => send<void>('DELETE', `${album(id)}/homes/${part(household)}`),
  handOver: (id: string, household: string) => send<void>('POST', `${album(id)}/owner`, { household }),
  activity: (id: string, limit: number) => get<AlbumEvent[]>(`${album(id)}/activity?limit=${limit}`),
  remarks: (albumId: string) => get<Remark[]>(`/activities?albumId=${part(albumId)}`),
  say: (albumId: string, assetId: string | undefined, comment: string) => send<Remark>('POST', '/activities', { albumId, assetId, type: 'comment', comment }),
  like: (albumId: string, assetId: string | undefined) => send<Remark>('POST', '/activities', { albumId, assetId, type: 'like' }),
  unsay: (id: string) => send<void>('DELETE', `/activities/${part(id)}`),
  thumbnailUrl: (id: string, content: string, size: 'thumbnail' | 'preview' = 'thumbnail') => `/api${entry(id, content)}/thumbnail?size=${size}`,
  originalUrl: (id: string, content: string) => `/api${entry(id, content)}/original`,
  coverUrl: (cover: string) => `/api/assets/${part(cover)}/thumbnail?size=preview`
};
