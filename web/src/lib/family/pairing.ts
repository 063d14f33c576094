// Two homes getting to know each other, as steps of a conversation. What the node reports comes in, what to show goes out.

import { timeOf, type Invitation, type Moment, type Pairing } from '$lib/api/family';

export type Step =
  /** Nobody has opened the invitation yet. */
  | { kind: 'waiting'; expired: boolean }
  /** The other home is being reached; no words yet. */
  | { kind: 'reaching' }
  /** Both homes show words; this one is asked. */
  | { kind: 'compare'; pairing: Pairing }
  /** Both homes show words; the other one is asked. */
  | { kind: 'theirs'; pairing: Pairing }
  | { kind: 'done'; pairing: Pairing }
  | { kind: 'failed'; pairing: Pairing };

/** What the inviting home shows for its invitation. */
export function inviterStep(invitation: Invitation, pairings: Pairing[], now: number): Step {
  const pairing = pairings.find((candidate) => candidate.id === invitation.id);
  if (pairing?.state === 'confirm') return { kind: 'compare', pairing };
  if (pairing?.state === 'done') return { kind: 'done', pairing };
  if (pairing?.state === 'failed') return { kind: 'failed', pairing };
  return { kind: 'waiting', expired: isPast(invitation.expiresAt, now) };
}

/** What the invited home shows after it opened a link. */
export function guestStep(accepted: Pairing, pairings: Pairing[]): Step {
  const pairing = pairings.find((candidate) => candidate.id === accepted.id) ?? accepted;
  if (pairing.state === 'done') return { kind: 'done', pairing };
  if (pairing.state === 'failed') return { kind: 'failed', pairing };
  if (pairing.words.length === 0) return { kind: 'reaching' };
  return { kind: 'theirs', pairing };
}

/** Homes that came with an invitation and wait for somebody here to compare words. */
export function asking(pairings: Pairing[]): Pairing[] {
  return pairings.filter((pairing) => pairing.role === 'inviter' && pairing.state === 'confirm');
}

export function isPast(moment: Moment | null, now: number): boolean {
  const ms = timeOf(moment);
  return ms !== undefined && ms <= now;
}

const REASONS: Record<string, string> = {
  used: 'This invitation was used before. Each one works once: ask for a new one.',
  expired: 'This invitation has expired or was taken back. Ask for a new one.',
  denied: 'One of you said that the words differ, so nothing was connected and nothing was shared. Try again with a new invitation, sent another way.',
  unreachable: 'The other home does not answer. Its computer has to be on while you connect: ask there, then open the invitation again.',
  wrong_home: 'Another home answers than the one that invited you. Do not trust this link; ask for a new one, sent another way.',
  already: 'This home and yours know each other already.',
  self: 'This is an invitation from your own home. Open it in the other one.',
  invalid: 'The other side could not prove that it knows this invitation. Copy all of it and try again, or ask for a new one.',
  timeout: 'The other home stopped answering. Nothing was connected. Try again with a new invitation.',
  blocked: 'The other home does not let yours in. Ask there whether yours is blocked.',
  version: 'One of the two homes runs a much older Heirloom. Update it, then try again.',
  outranked: 'Another computer has taken the place of this one in your home. Open the invitation there.',
  not_saved: 'The other home could not save this. Try again.'
};

/** Why it failed, in a sentence. Reasons that the node worded itself are shown as they are. */
export function reasonWords(reason: string | null): string {
  if (!reason) return 'The homes could not be connected. Nothing was shared. Try again with a new invitation.';
  return REASONS[reason] ?? reason;
}

/** True for text that can be an invitation: a heirloom link, or a page's address that ends in one. */
export function looksLikeInvitation(text: string): boolean {
  return /^heirloom:\/\/pair#[\w-]{16,}$/.test(text.trim()) || /#pair=[\w-]{16,}$/.test(text.trim());
}

/** The invitation in the address that this page was opened with, if there is one. */
export function invitationIn(hash: string): string | undefined {
  const found = /^#pair=([\w-]{16,})$/.exec(hash);
  return found ? `heirloom://pair#${found[1]}` : undefined;
}
