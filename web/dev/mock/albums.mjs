// The mock's albums: a few that a family would have, each with what was said and done in it.
import { createHash, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ratioOf } from './library.mjs';
import { colourOf, random } from './scene.mjs';
import { id64 } from './family.mjs';

const DAY = 86_400_000;
const RATIOS = [4 / 3, 3 / 4, 3 / 2, 4 / 3, 16 / 9, 1, 3 / 2, 2 / 3];
const RANK = { viewer: 1, contributor: 2, admin: 3, owner: 4 };
const iso = (ms) => new Date(ms).toISOString();
const hex = (c) => '#' + [(c >> 11) * 8.23, ((c >> 5) & 63) * 4.05, (c & 31) * 8.23].map((v) => Math.round(v).toString(16).padStart(2, '0')).join('');

/** Pictures of a folder, so that the albums have something to show; none: made-up landscapes. */
function pool(folder) {
  if (!folder) return [];
  return readdirSync(folder).filter((name) => /\.(jpe?g|png|webp)$/i.test(name)).sort((a, b) => id64(a).localeCompare(id64(b))).map((name) => {
    const content = readFileSync(join(folder, name));
    return { name, content, type: `image/${name.split('.').pop().toLowerCase().replace('jpg', 'jpeg')}`, ratio: ratioOf(content) };
  });
}

export class Albums {
  constructor({ family, library, account, news, samples, empty }) {
    Object.assign(this, { family, library, account, news, list: [], remarks: [], pool: pool(samples), byAsset: new Map(), made: 0 });
    if (!empty) this.#fill();
  }

  #fill() {
    const [rosa, ben, otto] = this.family.peers;
    const self = this.family.self;
    const lake = this.#make('A week in the hills', { description: 'July above the valley: the high hut, the storm on Thursday, and far too much ice cream.', owner: self, homes: [[rosa, 'contributor'], [ben, 'contributor']], sort: 'date' });
    this.#put(lake, 64, Date.UTC(2026, 6, 12, 9), 7, [self, rosa, self, ben, self, rosa]);
    const birthday = this.#make('Nonna turns eighty', { owner: rosa, homes: [[self, 'admin'], [ben, 'contributor'], [otto, 'viewer']], sort: 'date' });
    this.#put(birthday, 38, Date.UTC(2026, 4, 3, 11), 1, [rosa, self, ben, rosa]);
    const slides = this.#make('Otto’s slides, 1961–1979', { description: 'Scanned this winter. Who are the two ladies on the tandem?', owner: otto, homes: [[self, 'contributor'], [rosa, 'viewer']], sort: 'date' });
    this.#put(slides, 5000, Date.UTC(1961, 5, 1), 6500, [otto]);
    slides.progress = { thumbnails: [5000, 5000], previews: [312, 5000], originals: [0, 5000], bytesMissing: 1_640_000_000 };
    const garden = this.#make('The allotment', { owner: self, homes: [], sort: 'hand' });
    this.#put(garden, 18, Date.UTC(2026, 2, 20), 180, [self]);
    const year = this.#make('Clara’s first year', { owner: ben, homes: [[rosa, 'viewer']], sort: 'date-desc' });
    this.#put(year, 30, Date.UTC(2025, 3, 20), 300, [ben]);
    Object.assign(year, { ended: { by: ben.household, at: iso(Date.UTC(2026, 9, 2, 19)), left: false }, role: null });
    this.#talk(lake, ben, self, rosa);
    const order = [lake, birthday, slides, garden, year];
    order.forEach((album, i) => (album.updatedAt = iso(Date.now() - (i * 9 + 0.4) * 3_600_000)));
  }

  #make(albumName, { description = '', owner, homes, sort }) {
    const self = this.family.self;
    const role = owner === self ? 'owner' : homes.find(([home]) => home === self)?.[1] ?? 'owner';
    const inside = [[owner, 'owner'], ...homes].map(([home, its]) => ({ household: home.household, name: home.givenName ?? home.name, role: its, accounts: [] }));
    const album = {
      id: randomUUID(), space: id64(albumName + this.list.length), albumName, description, createdAt: iso(Date.UTC(2026, 6, 20)), updatedAt: iso(Date.now()), shared: inside.length > 1, ownerId: this.account.id, role, ended: null,
      homes: inside, keep: 'previews', inTimeline: false, sort, cover: null, entries: [], activity: []
    };
    this.list.push(album);
    for (const { household } of inside) this.family.home(household)?.albums?.push(album.id);
    return album;
  }

  #put(album, count, start, days, homes) {
    const next = random(album.albumName.length);
    for (let i = 0; i < count; i++) {
      const home = homes[Math.floor(next() * homes.length)];
      album.entries.push(this.#entry(album, home, start + (days * DAY * (i + next() * 0.6)) / count, i));
    }
    album.cover = album.entries[Math.floor(count / 3)]?.id ?? null;
    if (count) album.activity.unshift({ at: iso(Date.now() - 5 * DAY), by: this.#by(homes[0]), what: 'added', count });
  }

  #by(home, i = 0) {
    const who = home.people[i % home.people.length];
    return { household: home.household, account: who.account, name: who.name };
  }

  #entry(album, home, localMs, i) {
    const seed = ++this.made;
    const picture = this.pool.length ? this.pool[(seed * 7) % this.pool.length] : undefined;
    const mine = home === this.family.self;
    const ratio = picture?.ratio ?? RATIOS[Math.floor(random(seed + 500)() * RATIOS.length)];
    const entry = {
      id: randomUUID(), content: id64(`entry ${seed}`), by: this.#by(home, mine ? 0 : i), mine, fileName: picture?.name.replace(/^.*_/, '') ?? `DSC_${String(seed).padStart(4, '0')}.JPG`, caption: null,
      takenAt: iso(Math.floor(localMs / 1000) * 1000).slice(0, 19), addedAt: iso(Date.now() - 6 * DAY + i * 60_000), width: Math.round(3000 * Math.sqrt(ratio)), height: Math.round(3000 / Math.sqrt(ratio)), ratio,
      durationMs: null, thumbhash: null, colour: picture ? null : hex(colourOf(seed)), favourite: false, original: mine ? 'here' : 'remote', thumb: true, comments: 0, reactions: {}
    };
    this.byAsset.set(entry.id, { photo: { seed, ratio, content: picture?.content, type: picture?.type, flags: 0, name: entry.fileName }, entry, album }).set(entry.content, this.byAsset.get(entry.id));
    return entry;
  }

  #talk(album, ben, self, rosa) {
    const [first, second, third] = [album.entries[7], album.entries[8], album.entries[21]];
    first.caption = 'The last evening';
    this.#say(album, first, this.#by(rosa), 'comment', 'Your grandfather and I walked up there in 1974!', 30);
    this.#say(album, first, this.#by(ben), 'comment', 'And it rained then, too.', 26);
    this.#say(album, first, this.#by(rosa), 'like', null, 25);
    this.#say(album, first, this.#by(ben), 'like', null, 24);
    this.#say(album, second, this.#by(ben, 1), 'like', null, 20);
    this.#say(album, third, this.#by(self), 'comment', 'Who took this one?', 9);
    album.activity.unshift({ at: iso(Date.now() - 2.2 * 3_600_000), by: this.#by(ben), what: 'added', count: 12, entry: third.content });
  }

  #say(album, entry, by, type, comment, hoursAgo = 0) {
    const remark = { id: randomUUID(), albumId: album.id, createdAt: iso(Date.now() - hoursAgo * 3_600_000), type, comment, assetId: entry?.id ?? null, user: { id: by.account, name: by.name, email: '', avatarColor: 'primary', profileImagePath: '' } };
    this.remarks.push(remark);
    this.#count(entry);
    album.activity.unshift({ at: remark.createdAt, by, what: type === 'like' ? 'reacted' : 'commented', entry: entry?.content ?? null, text: comment });
    return remark;
  }

  #count(entry) {
    if (!entry) return;
    const said = this.remarks.filter((remark) => remark.assetId === entry.id);
    entry.comments = said.filter((remark) => remark.type === 'comment').length;
    const hearts = said.filter((remark) => remark.type === 'like');
    entry.reactions = hearts.length ? { '♥': hearts.length } : {};
  }

  changed(album, ...parts) {
    album.updatedAt = iso(Date.now());
    this.news('album', { id: album.id, changed: parts });
  }

  /** Something that another home does: `comment`, `like`, `add`, `caption`, `progress` or `end`. */
  happens(what, album = this.list[0]) {
    const [rosa, ben] = this.family.peers;
    const entry = album.entries[7];
    if (what === 'comment') this.#say(album, entry, this.#by(rosa), 'comment', 'I can smell the grass when I look at this.');
    if (what === 'like') this.#say(album, entry, this.#by(ben, 1), 'like', null);
    if (what === 'add') {
      album.entries.push(this.#entry(album, ben, Date.UTC(2026, 6, 19, 12), album.entries.length));
      album.activity.unshift({ at: iso(Date.now()), by: this.#by(ben), what: 'added', count: 1, entry: album.entries.at(-1).content });
    }
    if (what === 'caption') album.entries[9].caption = 'Before the storm';
    if (what === 'progress') {
      const big = this.list.find((candidate) => candidate.progress);
      big.progress.previews[0] = Math.min(5000, big.progress.previews[0] + 231);
      big.progress.bytesMissing *= 0.95;
      return this.changed(big, 'progress');
    }
    if (what === 'end') Object.assign(album, { role: null, ended: { by: ben.household, at: iso(Date.now()), left: false } });
    this.changed(album, what === 'end' ? 'members' : what === 'add' || what === 'caption' ? 'entries' : 'talk');
  }

  sorted(album) {
    if (album.sort === 'hand') return album.entries;
    const up = album.sort === 'date' ? 1 : -1;
    return [...album.entries].sort((a, b) => up * (a.takenAt ?? '').localeCompare(b.takenAt ?? ''));
  }

  dto(album) {
    const total = album.entries.length;
    const { entries, activity: _, cover, progress, ...shown } = album;
    const dates = entries.map((entry) => entry.takenAt).filter(Boolean).sort();
    const remote = entries.filter((entry) => entry.original === 'remote').length;
    return {
      ...shown, albumThumbnailAssetId: entries.some((entry) => entry.id === cover) ? cover : (entries[0]?.id ?? null), assetCount: total, bytes: total * 4_100_000, startDate: dates[0] ?? null, endDate: dates.at(-1) ?? null,
      progress: progress ?? { thumbnails: [total, total], previews: [total, total], originals: [total - remote, total], bytesMissing: album.keep === 'originals' ? remote * 4_100_000 : 0 }
    };
  }

  /** The picture of an entry, by its asset's id or its content. */
  picture(id) {
    return this.byAsset.get(id);
  }

  #own(id) {
    return this.library.find(id);
  }

  #add(album, ids) {
    let count = 0;
    const results = ids.map((id) => {
      const photo = this.#own(id);
      if (!photo) return { id, success: false, error: 'no_permission' };
      if (album.entries.some((entry) => entry.id === photo.uuid)) return { id, success: false, error: 'duplicate' };
      count++;
      const entry = {
        id: photo.uuid, content: createHash('sha256').update(photo.uuid).digest('hex'), by: this.#by(this.family.self), mine: true, fileName: photo.name, caption: photo.caption || null, takenAt: iso(photo.localMs).slice(0, 19), addedAt: iso(Date.now()),
        width: Math.round(3000 * photo.ratio), height: 3000, ratio: photo.ratio, durationMs: null, thumbhash: null, colour: photo.content ? null : hex(photo.colour), favourite: (photo.flags & 4) !== 0, original: 'here', thumb: true, comments: 0, reactions: {}
      };
      this.byAsset.set(entry.id, { photo, entry, album }).set(entry.content, this.byAsset.get(entry.id));
      album.entries.push(entry);
      return { id, success: true };
    });
    if (count) album.activity.unshift({ at: iso(Date.now()), by: this.#by(this.family.self), what: 'added', count });
    return results;
  }

  /** Answers what concerns albums; false for anything else. */
  async answer(call) {
    const { at, path, url, json, refuse, body } = call;
    if (at === 'GET /albums') return json(200, this.list.map((album) => this.dto(album)));
    if (at === 'POST /albums') {
      const { albumName, description = '', assetIds = [] } = await body();
      const album = this.#make(albumName, { description, owner: this.family.self, homes: [], sort: 'date' });
      this.#add(album, assetIds);
      album.activity.push({ at: iso(Date.now()), by: this.#by(this.family.self), what: 'created' });
      this.news('albums', {});
      return json(201, this.dto(album));
    }
    if (path.startsWith('/activities')) return this.#activities(call);
    const [, id, part, what, more] = /^\/albums\/([\w-]+)(?:\/(\w+))?(?:\/([\w-]+))?(?:\/(\w+))?$/.exec(path) ?? [];
    if (!id) return false;
    const album = this.list.find((candidate) => candidate.id === id);
    if (!album) return refuse(404, 'There is no such album.');
    if (part === 'entries') return this.#entries(album, what, more, call);
    if (part === 'assets') return this.#assets(album, call);
    if (part === 'homes') return this.#homes(album, what, call);
    if (part === 'space') return json(200, { originals: album.entries.filter((entry) => !entry.mine).length * 4_100_000, previews: album.entries.length * 330_000, demand: album.entries.length * 21_000 });
    if (part === 'activity') return json(200, album.activity.slice(0, Number(url.searchParams.get('limit') ?? 100)));
    if (part === 'owner') {
      const { household } = await body();
      for (const home of album.homes) home.role = home.household === household ? 'owner' : home.role === 'owner' ? 'admin' : home.role;
      album.role = 'admin';
      return json(204);
    }
    if (at.startsWith('GET')) return json(200, this.dto(album));
    if (at.startsWith('DELETE')) {
      this.list = this.list.filter((candidate) => candidate !== album);
      this.news('albums', {});
      return json(204);
    }
    const { albumThumbnailAssetId, ...change } = await body();
    Object.assign(album, change, albumThumbnailAssetId === undefined ? {} : { cover: albumThumbnailAssetId });
    if (change.albumName) album.activity.unshift({ at: iso(Date.now()), by: this.#by(this.family.self), what: 'renamed', text: change.albumName });
    this.changed(album, 'about');
    return json(200, this.dto(album));
  }

  async #entries(album, content, part, { at, url, json, refuse, body, picture }) {
    if (!content) {
      const [from, count] = ['from', 'count'].map((name) => Number(url.searchParams.get(name) ?? 0));
      const all = this.sorted(album);
      return json(200, { total: all.length, entries: all.slice(from, from + Math.min(500, count)) });
    }
    const found = this.byAsset.get(content);
    const on = !found || found.entry.mine || this.family.home(found.entry.by.household)?.path !== 'off';
    if (!found) return refuse(404, 'This photo is not in the album.');
    if (part === 'thumbnail') return url.searchParams.get('size') === 'preview' && !on ? refuse(503, 'That home is off.') : picture(found.photo, url.searchParams.get('size'));
    if (part === 'original') return found.entry.original === 'here' || on ? picture(found.photo, 'original') : refuse(503, `${found.entry.by.name}’s home is off.`, 'Try again when it is on.');
    if (!at.startsWith('PATCH')) return refuse(405, 'Not this way.');
    const { order, ...change } = await body();
    Object.assign(found.entry, change);
    if (order) {
      const rest = album.entries.filter((entry) => entry !== found.entry);
      const place = order.after === null ? 0 : rest.findIndex((entry) => entry.content === order.after) + 1;
      album.entries = [...rest.slice(0, place), found.entry, ...rest.slice(place)];
    }
    this.changed(album, 'entries');
    return json(204);
  }

  async #assets(album, { at, json, body }) {
    const { ids } = await body();
    let results;
    if (at.startsWith('PUT')) results = this.#add(album, ids);
    else {
      results = ids.map((id) => ({ id, success: RANK[album.role] >= RANK.admin || album.entries.find((entry) => entry.id === id)?.mine === true }));
      const gone = new Set(results.filter(({ success }) => success).map(({ id }) => id));
      album.entries = album.entries.filter((entry) => !gone.has(entry.id));
    }
    this.changed(album, 'entries');
    return json(200, results);
  }

  async #homes(album, household, { at, json, body }) {
    const home = this.family.home(household);
    const known = album.homes.find((candidate) => candidate.household === household);
    if (at.startsWith('DELETE')) album.homes = album.homes.filter((candidate) => candidate !== known);
    else {
      const { role, accounts = [] } = await body();
      if (known) Object.assign(known, { role, accounts });
      else album.homes.push({ household, name: home.givenName ?? home.name, role, accounts });
    }
    album.activity.unshift({ at: iso(Date.now()), by: this.#by(this.family.self), what: at.startsWith('DELETE') ? 'removed' : known ? 'role' : 'joined', text: home?.givenName ?? home?.name });
    this.changed(album, 'members');
    this.news('albums', {});
    return json(204);
  }

  async #activities({ at, path, url, json, refuse, body }) {
    if (at.startsWith('GET')) return json(200, this.remarks.filter((remark) => remark.albumId === url.searchParams.get('albumId')));
    if (at.startsWith('POST')) {
      const { albumId, assetId, type, comment } = await body();
      const album = this.list.find((candidate) => candidate.id === albumId);
      const entry = album?.entries.find((candidate) => candidate.id === assetId);
      if (!album) return refuse(404, 'There is no such album.');
      const remark = this.#say(album, entry, this.#by(this.family.self), type, comment ?? null);
      this.changed(album, 'talk');
      return json(201, remark);
    }
    const remark = this.remarks.find((candidate) => candidate.id === path.split('/').pop());
    if (!remark) return refuse(404, 'This is gone already.');
    this.remarks = this.remarks.filter((candidate) => candidate !== remark);
    const found = this.byAsset.get(remark.assetId);
    this.#count(found?.entry);
    this.changed(this.list.find((album) => album.id === remark.albumId), 'talk');
    return json(204);
  }
}
