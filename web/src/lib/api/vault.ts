// Copies in other homes, and the first run, as the node answers: the types and the calls, through the door in client.ts.

import { request } from './client';
import type { Moment } from './family';

/** How safe everything is, as the node judges it. `off`: no copies are kept anywhere yet. */
export type Level = 'safe' | 'attention' | 'danger' | 'off';

/** What is wrong, and what to do. */
export interface Reason {
  kind: string;
  level: 'attention' | 'danger' | 'safe' | 'off';
  text: string;
  advice: string;
}

export type KeeperState = 'ok' | 'asked' | 'refused' | 'leaving' | 'offline' | 'warning' | 'absent' | 'full' | 'diskAbsent';
export type KeeperPath = 'lan' | 'direct' | 'relay' | 'off';

/** Another home that keeps copies for this one. */
export interface Keeper {
  household: string;
  name: string;
  state: KeeperState;
  packs: number;
  photos: number;
  bytes: number;
  quota: number;
  free: number | null;
  lastProvenAt: Moment | null;
  lastSeenAt: Moment | null;
  path: KeeperPath;
  /** Until it has everything, as fast as in the last hour; nothing while nothing moves. */
  hoursLeft?: number | null;
  growthBytesMonth: number | null;
  fullAt: Moment | null;
  /** Much of our copies there is to be deleted, in our name; a person in both homes has to say yes. */
  ask?: { packs: number; bytes: number } | null;
}

/** Another home that this one keeps copies for. */
export interface Ward {
  household: string;
  name: string;
  /** `ending`: nothing new is taken, and what is here is held for 30 days. */
  state: 'ok' | 'ending' | 'diskAbsent';
  bytes: number;
  quota: number;
  /** Given up by the other home and still held. */
  held: number;
  packs: number;
  lastHeadAt: Moment | null;
  free: number | null;
  growthBytesMonth: number | null;
  fullAt: Moment | null;
  /** The other home, or whoever has its keys, wants much of it gone. */
  ask: { packs: number; bytes: number } | null;
}

/** A disk or a store of our own. */
export interface Place {
  id: string;
  kind: 'folder' | 's3';
  place: string;
  /** `ok`, `full`, `diskAbsent`, `leaving`, or what went wrong. */
  state: string;
  packs: number;
  bytes: number;
  lastProvenAt: Moment | null;
}

/** A home that asks this one to keep copies. */
export interface Asking {
  household: string;
  name: string;
  bytes: number;
  at: Moment;
}

export interface CheckDay {
  day: string;
  ok: number;
  wrong: number;
  missing: number;
  offline: number;
}

export interface Drill {
  at: Moment;
  /** Photos that came back as they were. */
  photos: number;
  bytes: number;
  /** Photos that did not. */
  problems: number;
  from: string;
}

export interface Heal {
  at: Moment;
  name: string;
  asset: string | null;
  from: string;
}

export interface Alarm {
  id: number | string;
  kind: string;
  text: string;
  advice: string;
  at: Moment;
}

/** Bringing everything back, in the order in which it happens. */
export type RestoreStage = 'contact' | 'tables' | 'pictures' | 'originals' | 'done' | 'failed';

export interface Restoring {
  stage: RestoreStage;
  done: number;
  total: number;
  bytes: number;
  totalBytes: number;
  /** Homes and disks that it waits for; nothing more comes without them. */
  awaits?: string[];
}

export interface Kit {
  id: string;
  name: string;
  threshold: number;
  count: number;
  state: string;
  holders: { household: string | null; name: string; state: string }[];
  delayDays: number;
  verifiedAt: Moment | null;
  /** When somebody last said that the parts on paper are where they should be. */
  papersSeenAt?: Moment | null;
  createdAt: Moment;
}

/** What nobody looked at for a year. */
export interface Reminder {
  /** `phrase`, or the id of a kit. */
  about: string;
  kind: 'phrase' | 'kit' | 'paper';
  text: string;
  advice: string;
}

/** Whoever asks this home for a part of another home's kit. */
export interface KitRequest {
  id: string;
  claimed: string;
  name: string | null;
  words: string;
  state: 'asked' | 'allowed' | 'given';
  askedAt: Moment;
  hoursLeft: number | null;
  /** Whose part may be meant, where it is not clear; none: this home holds no part. */
  choices: { kit: string; name: string }[];
}

export interface NewKit {
  phrase: string;
  name: string;
  /** Null: on paper. */
  holders: (string | null)[];
  delayDays: number;
}

export interface MadeKit {
  id: string;
  papers: { number: number; text: string }[];
}

export interface VaultStatus {
  level: Level;
  sentence: string;
  /** Another computer has taken the place of this one: nothing can be changed here any more. */
  replaced: boolean;
  reasons: Reason[];
  completeHomes: number;
  photos: { total: number; safe: number; oneHome: number; none: number };
  packs: number;
  bytes: number;
  pending: { packs: number; bytes: number; photos: number; hoursLeft?: number | null };
  keepers: Keeper[];
  wards: Ward[];
  targets: Place[];
  asks: Asking[];
  /** Days on which nothing was asked are left out; the newest stands first. */
  audits: { checkedAllAt: Moment | null; history: CheckDay[] };
  drills: Drill[];
  lastDrillAt: Moment | null;
  heals: Heal[];
  alarms: Alarm[];
  restoring: Restoring | null;
  ifLostNow: { photos: number; newestAt: Moment | null; unsafePhotos: number; hoursAt40Mbit: number | null };
  phrase: { enabled: boolean; verifiedAt: Moment | null };
  kits?: Kit[];
  kitRequests?: KitRequest[];
  reminders?: Reminder[];
}

/** Where one photo is. */
export interface AssetCopies {
  original: 'here' | 'damaged' | 'missing';
  copies: { household?: string | null; target?: string | null; name: string; lastProvenAt: Moment | null }[];
}

/** A word that is probably wrong: its place counted from 1, and what it may be. */
export interface WordHint {
  position: number;
  typed?: string | null;
  likely?: string | null;
}

export interface PhraseAnswer {
  right: boolean;
  problem?: string | { message: string; word?: number | WordHint | null } | null;
}

export type NewPlace =
  | { kind: 'folder'; place: string }
  | { kind: 's3'; endpoint: string; bucket: string; prefix: string; accessKey: string; secretKey: string; region: string; bytesMax?: number };

export interface Setup {
  /** `asking`: homes are asked for their parts of a recovery kit, which takes days. */
  state: 'fresh' | 'asking' | 'restoring' | 'ready';
  needsCode: boolean;
}

export interface Founding {
  name: string;
  email: string;
  accountName: string;
  password: string;
}

export interface RestoreProgress extends Restoring {
  message: string | null;
  /** When the newest copy was made. */
  headAt: Moment | null;
  household: string | null;
}

/** A home that is asked for its part of a kit. `id`: means its link when it is taken out. */
export interface KitHome {
  id: string;
  name: string;
  /** `expired`: it does not take this invitation any more. `away`: not reached now; what it said before still stands. */
  state: 'asking' | 'asked' | 'waits' | 'given' | 'refused' | 'expired' | 'away';
  /** Six words that people on both sides compare. */
  words?: string | null;
  /** What was left of the delay when it last said so. */
  hoursLeft?: number | null;
}

/** How it stands with the parts of a kit that this computer, which has no home, asks for. */
export interface KitAsking {
  name: string;
  askedAt: Moment;
  homes: KitHome[];
  /** Disks and stores that were named. */
  places: { id: string; place: string; there: boolean }[];
  /** Parts typed from paper; `part`: which one, 0 where that is not known. */
  papers: { id: string; part: number }[];
  /** Parts that are here, the typed ones among them. */
  have: number;
  /** Unknown until one part told. */
  needed?: number | null;
  /** Once there are enough parts: what can come back, the newest first. Nothing does before one is chosen. */
  states?: KitState[] | null;
  /** One of them was chosen: it begins in a moment. */
  chosen?: boolean;
  /** Who did not say which states it has, and may have a newer one. */
  silent: string[];
  message?: string | null;
  /** It ended, for what the message says, until somebody asks again. */
  over: boolean;
}

export interface KitState {
  id: string;
  madeAt: Moment;
  /** Homes and disks that have it. */
  places: string[];
}

/** What is empty was not meant; `certificate`: a file in base 64. */
export interface Relay {
  address: string;
  token: string;
  certificate: string;
}

export interface KitOrder {
  name: string;
  /** Invitations or folders, one in a line. */
  from: string;
  papers: string[];
  relay?: Relay;
}

/** A state of this home that another home holds and that is not part of what is here. */
export interface NewerState {
  id: string;
  /** Where it was seen. */
  place: string;
  madeAt: Moment;
  why: 'before' | 'after' | 'beside' | 'setBack' | 'stranger';
  /** `asks`: a person has to say whether it is brought home. */
  state: 'asks' | 'bringing' | 'waiting' | 'brought' | 'left';
  needsPhrase: boolean;
  brought: number;
  total: number;
  missing: number;
  note?: string | null;
}

async function send<T>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<T> {
  const init: RequestInit = { method, cache: 'no-store', headers };
  if (body !== undefined) {
    init.headers = { ...headers, 'content-type': 'application/json' };
    init.body = JSON.stringify(body);
  }
  const response = await request(`/api${path}`, init);
  const text = await response.text();
  return (text ? JSON.parse(text) : undefined) as T;
}

const part = encodeURIComponent;

export const vaultApi = {
  status: () => send<VaultStatus>('GET', '/vault'),
  ask: (household: string, bytes: number) => send<void>('POST', '/vault/ask', { household, bytes }),
  keep: (household: string, bytes: number) => send<void>('POST', '/vault/keep', { household, bytes }),
  /** No more copies of ours there. */
  leaveKeeper: (household: string) => send<void>('DELETE', `/vault/keepers/${part(household)}`),
  answerAtKeeper: (household: string, allow: boolean) => send<void>('POST', `/vault/keepers/${part(household)}/deletion`, { allow }),
  /** No more copies of theirs here, or no to what they asked. */
  leaveWard: (household: string) => send<void>('DELETE', `/vault/wards/${part(household)}`),
  answerWard: (household: string, allow: boolean) => send<void>('POST', `/vault/wards/${part(household)}/deletion`, { allow }),
  start: (what: 'run' | 'audit' | 'drill') => send<void>('POST', `/vault/${what}`, {}),
  checkPhrase: (phrase: string) => send<PhraseAnswer>('POST', '/vault/phrase', { phrase }),
  addPlace: (place: NewPlace) => send<{ id: string; sameDisk: boolean }>('POST', '/vault/targets', place),
  removePlace: (id: string) => send<void>('DELETE', `/vault/targets/${part(id)}`),
  writeDisk: (household: string, folder: string) => send<void>('POST', '/vault/usb', { household, folder }),
  makeKit: (kit: NewKit) => send<MadeKit>('POST', '/vault/kits', kit),
  checkKit: (id: string) => send<{ allRight: boolean }>('POST', `/vault/kits/${part(id)}/check`, {}),
  revokeKit: (id: string) => send<void>('DELETE', `/vault/kits/${part(id)}`),
  /** Nobody here asks for its parts. */
  refuseKit: (id: string) => send<void>('POST', `/vault/kits/${part(id)}/refuse`, {}),
  answerKitRequest: (id: string, allow: boolean, kit?: string) => send<void>('POST', `/vault/kit-requests/${part(id)}`, { allow, kit: kit ?? null }),
  /** `later`: not before a month is over. `there`: the papers of this kit are where they should be. */
  answerReminder: (about: string, answer: 'later' | 'there') => send<void>('POST', `/vault/reminders/${part(about)}`, { answer }),
  /** This home or disk does not come back: the restore goes on without it. */
  goOnWithout: (place: string) => send<void>('POST', '/vault/restoring/without', { place }),
  newer: () => send<{ states: NewerState[] }>('GET', '/vault/newer'),
  answerNewer: (id: string, bring: boolean, phrase?: string) => send<void>('POST', `/vault/newer/${part(id)}`, phrase === undefined ? { bring } : { bring, phrase }),
  seen: (alarm: Alarm['id']) => send<void>('POST', `/vault/alarms/${part(alarm)}/seen`, {}),
  copiesOf: (asset: string) => send<AssetCopies>('GET', `/vault/assets/${part(asset)}`)
};

/** `code`: what the terminal printed, where the node asks for it. */
const coded = (code: string | undefined): Record<string, string> => (code ? { 'x-setup-code': code } : {});

export const setupApi = {
  state: (code?: string) => send<Setup>('GET', '/setup', undefined, coded(code)),
  found: (founding: Founding, code?: string) => send<{ phrase: string[]; token: string }>('POST', '/setup/found', founding, coded(code)),
  /** `token`: what `found` gave beside the words. */
  finish: (token: string, code?: string) => send<void>('POST', '/setup/finish', { token }, coded(code)),
  /** `from`: invitations or folders, one in a line. */
  restore: (phrase: string, from: string, relay: Relay | undefined, code?: string) => send<void>('POST', '/setup/restore', { phrase, from, relay }, coded(code)),
  progress: (code?: string) => send<RestoreProgress>('GET', '/setup/restore', undefined, coded(code)),
  /** Asks for parts of a kit; asked again, adds to what was named. */
  askKit: (order: KitOrder, code?: string) => send<void>('POST', '/setup/kit', order, coded(code)),
  kitAsking: (code?: string) => send<KitAsking>('GET', '/setup/kit', undefined, coded(code)),
  /** Takes out a link, a disk or a part on paper. */
  takeOutOfKit: (id: string, code?: string) => send<void>('DELETE', `/setup/kit/entries/${part(id)}`, undefined, coded(code)),
  /** `state`: an older one; the newest without. */
  chooseState: (state: string | undefined, code?: string) => send<void>('POST', '/setup/kit/state', state === undefined ? {} : { state }, coded(code)),
  giveUpKit: (code?: string) => send<void>('DELETE', '/setup/kit', undefined, coded(code))
};
