// Albums in words: who may do what, how much is here, what happened.

import { timeOf, type Album, type AlbumEvent, type AlbumHome, type Ended, type GivenRole, type Keep, type Progress, type Role, type Sort } from '$lib/api/family';
import { ago, counted, dateWords, listed } from '$lib/family/words';
import { formatBytes, formatCount, photos } from '$lib/format';

const RANK: Record<Role, number> = { viewer: 1, contributor: 2, admin: 3, owner: 4 };

/** What somebody with this role may do, as a verb phrase. */
export const ROLE_WORDS: Record<Role, string> = { viewer: 'may look', contributor: 'may add photos', admin: 'may manage', owner: 'owns the album' };

/** The roles to choose from, the least first, each with what it means. */
export const ROLES: { role: GivenRole; label: string; means: string }[] = [
  { role: 'viewer', label: 'May look', means: 'See everything, write comments and give hearts.' },
  { role: 'contributor', label: 'May add photos', means: 'Also add photos, and change captions, order and title.' },
  { role: 'admin', label: 'May manage', means: 'Also invite and remove homes, and take out anybody’s photos.' }
];

export const SORT_WORDS: Record<Sort, string> = { date: 'Oldest first', 'date-desc': 'Newest first', hand: 'By hand' };

export const KEEP_WORDS: Record<Keep, { label: string; means: string }> = {
  originals: { label: 'Keep the originals here', means: 'A full copy in this home. Safe here even if the other home is lost.' },
  previews: { label: 'Keep previews here', means: 'Good enough for every screen, also while the other home is off. Originals come when you ask for them.' },
  demand: { label: 'Fetch when opened', means: 'Only small pictures stay here. The rest comes when you look, while the other home is on.' }
};

export function mayAdd(role: Role | null): boolean {
  return role !== null && RANK[role] >= RANK.contributor;
}
export function mayManage(role: Role | null): boolean {
  return role !== null && RANK[role] >= RANK.admin;
}
/** Whether one may invite, change or remove somebody with the other role: only below one's own. */
export function mayChange(mine: Role | null, theirs: Role): boolean {
  return mayManage(mine) && RANK[mine as Role] > RANK[theirs];
}
/** The roles that one may give. */
export function givable(mine: Role | null): GivenRole[] {
  return ROLES.map(({ role }) => role).filter((role) => mayChange(mine, role));
}

/** The names of the other homes that share the album. */
export function otherHomes(album: Album, self: string | undefined): AlbumHome[] {
  return album.homes.filter((home) => home.household !== self);
}

/** `Only in your home`, `With Anna’s home`, `With Anna, Ben and 2 more`. */
export function sharedWith(album: Album, self: string | undefined): string {
  if (album.ended) return album.ended.left ? 'You left this album' : 'No longer shared with you';
  const names = otherHomes(album, self).map((home) => home.name);
  if (names.length === 0) return 'Only in your home';
  return `With ${names.length > 3 ? `${names.slice(0, 2).join(', ')} and ${names.length - 2} more` : listed(names)}`;
}

/** How much of an album is here, while anything that is wanted is still missing. */
export function progressWords(progress: Progress, keep: Keep): string | undefined {
  const steps: [keyof Omit<Progress, 'bytesMissing'>, string, Keep[]][] = [
    ['thumbnails', 'small pictures', ['originals', 'previews', 'demand']],
    ['previews', 'previews', ['originals', 'previews']],
    ['originals', 'originals', ['originals']]
  ];
  for (const [kind, words, keeps] of steps) {
    const [have, total] = progress[kind];
    if (!keeps.includes(keep) || have >= total) continue;
    const missing = progress.bytesMissing > 0 ? `, ${formatBytes(progress.bytesMissing)} to come` : '';
    return `${formatCount(have)} of ${formatCount(total)} ${words} here${missing}`;
  }
  return undefined;
}

/** The part that is here of what is being fetched now, 0 to 1. */
export function progressPart(progress: Progress, keep: Keep): number {
  const kinds = { originals: ['thumbnails', 'previews', 'originals'], previews: ['thumbnails', 'previews'], demand: ['thumbnails'] } as const;
  for (const kind of kinds[keep]) {
    const [have, total] = progress[kind];
    if (have < total) return total > 0 ? have / total : 1;
  }
  return 1;
}

/** Why an album can only be looked at; `by` is the name of the home that ended it. */
export function endedWords(ended: Ended, by: string, now: number): string {
  const at = timeOf(ended.at);
  const when = at === undefined ? '' : ` on ${dateWords(at, now)}`;
  if (ended.left) return `You left this album${when}. What you had stays here; nothing new comes in.`;
  return `${by} ended sharing this album with you${when}. What you had stays here; nothing new comes in.`;
}

/** One thing that happened, without who did it: `added 12 photos`. */
export function eventWords(event: AlbumEvent): string {
  const count = event.count ?? 1;
  switch (event.what) {
    case 'added': return `added ${photos(count)}`;
    case 'removedEntries': return `took out ${photos(count)}`;
    case 'commented': return event.text ? `wrote “${event.text}”` : 'wrote a comment';
    case 'reacted': return count > 1 ? `gave ${counted(count, 'heart')}` : 'gave a heart';
    case 'joined': return event.text ? `invited ${event.text}` : 'joined';
    case 'removed': return event.text ? `removed ${event.text}` : 'was removed';
    case 'left': return 'left the album';
    case 'renamed': return event.text ? `named the album “${event.text}”` : 'changed the title';
    case 'described': return 'changed the description';
    case 'captioned': return event.text ? `wrote the caption “${event.text}”` : 'wrote a caption';
    case 'covered': return 'chose another cover';
    case 'sorted': return 'changed the order';
    case 'created': return 'made this album';
    case 'role': return event.text ? `changed what ${event.text} may do` : 'changed what somebody may do';
    case 'owner': return event.text ? `handed the album to ${event.text}` : 'handed the album over';
    default: return 'changed something';
  }
}

/** `Ben added 12 photos, yesterday`. */
export function eventLine(event: AlbumEvent, now: number): string {
  const at = timeOf(event.at);
  return `${event.by.name} ${eventWords(event)}${at === undefined ? '' : `, ${ago(at, now)}`}`;
}

/** What happens when a home is removed from an album. */
export function removalWords(name: string): string {
  return `${name} keeps the photos it already has. It sees nothing that is added or written from now on, and its own photos stay in the album.`;
}

/** Whether the original is here, and where it is otherwise. */
export function originalWords(original: 'here' | 'remote' | 'none', home: string): string {
  if (original === 'here') return 'The original is here';
  if (original === 'none') return 'No home that is known here has the original any more';
  return `The original is with ${home}`;
}

