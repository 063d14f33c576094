// The mock's other homes: three that are known, one that comes when it is invited, and the pairing of homes.
import { createHash, randomBytes, randomUUID } from 'node:crypto';

export const id64 = (text) => createHash('sha256').update(text).digest('hex');
const uuid = (text) => id64(text).replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-8$3-a$4-$5');
const person = (name) => ({ account: uuid(`account ${name}`), name });
const HOUR = 3_600_000;
const WORDS = 'orchard lantern velvet harbour maple window river candle garden pepper silver meadow anchor bridge copper violin autumn pebble cradle summit'.split(' ');
const wordsOf = (seed) => [...WORDS].sort((a, b) => id64(seed + a).localeCompare(id64(seed + b))).slice(0, 6);
const iso = (ms) => new Date(ms).toISOString();

export class Family {
  /** `account`: who is signed in; `news(event, data)` tells every open page; `pace`: milliseconds until another home acts. */
  constructor({ account, news, pace, alone }) {
    Object.assign(this, { news, pace, pairings: [], invitations: [] });
    this.self = { household: 'a'.repeat(64), name: 'Orchard House', people: [{ account: account.id, name: account.name }, person('Mia')] };
    this.peers = alone ? [] : [
      this.#peer('Casa Rosa', 'Nonna Rosa', ['Rosa', 'Giulio'], { path: 'direct', rttMs: 4, lastSeen: Date.now() }),
      this.#peer('Ben & Clara', null, ['Ben', 'Clara'], { path: 'relay', rttMs: 48, lastSeen: Date.now() - 40_000 }),
      this.#peer('Linden 14', 'Grandpa Otto', ['Otto'], { path: 'off', rttMs: null, lastSeen: Date.now() - 27 * HOUR })
    ];
  }

  #peer(name, givenName, people, fields) {
    return { household: id64(name), name, givenName, people: people.map(person), words: wordsOf(name), pairedAt: iso(Date.UTC(2026, 8, 3, 18)), blocked: false, albums: [], ...fields, lastSeen: iso(fields.lastSeen) };
  }

  home(household) {
    return household === this.self.household ? this.self : this.peers.find((peer) => peer.household === household);
  }

  changed() {
    this.news('peers', {});
  }

  invite() {
    const invitation = { id: randomUUID(), link: `heirloom://pair#${randomBytes(132).toString('base64url')}`, expiresAt: iso(Date.now() + 24 * HOUR) };
    this.pairings.push({ id: invitation.id, role: 'inviter', state: 'waiting', name: null, people: [], words: [], reason: null, expiresAt: invitation.expiresAt });
    if (this.pace) setTimeout(() => this.guestComes(invitation.id), this.pace).unref();
    return invitation;
  }

  withdraw(id) {
    this.pairings = this.pairings.filter((pairing) => pairing.id !== id);
    this.changed();
  }

  /** Another home opens the invitation (the last one, if none is named). */
  guestComes(id = this.pairings.findLast((pairing) => pairing.state === 'waiting')?.id) {
    const pairing = this.pairings.find((candidate) => candidate.id === id && candidate.state === 'waiting');
    if (!pairing) return;
    Object.assign(pairing, { state: 'confirm', name: 'Aunt Ida’s flat', people: [person('Ida'), person('Jonas')], words: wordsOf(pairing.id) });
    this.changed();
  }

  accept(link) {
    const pairing = { id: randomUUID(), role: 'guest', state: 'waiting', name: null, people: [], words: [], reason: null, expiresAt: null };
    this.pairings.push(pairing);
    const fails = /(used|denied|unreachable|wrong_home|already|self)$/.exec(link)?.[1];
    setTimeout(() => {
      if (fails) Object.assign(pairing, { state: 'failed', reason: fails });
      else Object.assign(pairing, { name: 'Aunt Ida’s flat', people: [person('Ida'), person('Jonas')], words: wordsOf(pairing.id) });
      this.changed();
      if (!fails && this.pace) setTimeout(() => pairing.state === 'waiting' && this.confirm(pairing.id, null), this.pace).unref();
    }, 900).unref();
    return pairing;
  }

  confirm(id, givenName) {
    const pairing = this.pairings.find((candidate) => candidate.id === id);
    if (!pairing) return false;
    pairing.state = 'done';
    const peer = this.#peer(pairing.name, givenName === pairing.name ? null : givenName, [], { path: 'direct', rttMs: 9, lastSeen: Date.now() });
    this.peers.push({ ...peer, people: pairing.people, words: pairing.words, pairedAt: iso(Date.now()) });
    this.changed();
    return true;
  }

  deny(id) {
    const pairing = this.pairings.find((candidate) => candidate.id === id);
    if (!pairing) return false;
    Object.assign(pairing, { state: 'failed', reason: 'denied' });
    this.changed();
    return true;
  }

  change(household, { name, blocked }) {
    const peer = this.peers.find((candidate) => candidate.household === household);
    if (name !== undefined) peer.givenName = name && name !== peer.name ? name : null;
    if (blocked !== undefined) Object.assign(peer, { blocked, path: blocked ? 'blocked' : 'direct' });
    this.changed();
  }

  remove(household) {
    this.peers = this.peers.filter((peer) => peer.household !== household);
    this.changed();
  }

  /** Switches a home on or off. */
  toggle(household) {
    const peer = this.peers.find((candidate) => candidate.household === household) ?? this.peers[0];
    Object.assign(peer, peer.path === 'off' ? { path: 'direct', rttMs: 5 } : { path: 'off', rttMs: null, lastSeen: iso(Date.now()) });
    this.changed();
  }

  /** Answers what concerns homes; false for anything else. */
  async answer({ at, path, json, refuse, body }) {
    const id = path.split('/').pop();
    if (at === 'GET /households/self') return json(200, this.self);
    if (at === 'PUT /households/self') {
      this.self.name = (await body()).name;
      this.changed();
      return json(200, this.self);
    }
    if (at === 'GET /peers') return json(200, this.peers);
    if (at === 'GET /peers/pairings') return json(200, this.pairings);
    if (at === 'POST /peers/invitations') return json(201, this.invite());
    if (at.startsWith('DELETE /peers/invitations/')) return json(204, this.withdraw(id));
    if (at === 'POST /peers/accept') {
      const { link } = await body();
      if (/expired$/.test(link)) return refuse(400, 'This invitation has expired.', 'Ask for a new one.');
      return json(201, this.accept(link));
    }
    const step = /^POST \/peers\/pairings\/([\w-]+)\/(confirm|deny)$/.exec(at);
    if (step) return (step[2] === 'deny' ? this.deny(step[1]) : this.confirm(step[1], (await body()).name)) ? json(204) : refuse(404, 'This invitation is not open any more.');
    if (at.startsWith('PATCH /peers/')) return json(204, this.change(id, await body()));
    if (at.startsWith('DELETE /peers/')) return json(204, this.remove(id));
    return false;
  }
}
