// The mock's copies in other homes. One scene at a time, each a state that a person can meet on the Safety page.
import { id64 } from './family.mjs';

const DAY = 86_400_000;
const HOUR = 3_600_000;
const GB = 1e9;
const PHOTOS = 12_492;
const BYTES = 214 * GB;
const iso = (ms) => new Date(ms).toISOString();
const before = (ms) => iso(Date.now() - ms);
/** The words of the mock's sheet: a real phrase that belongs to no home. */
export const PHRASE = 'city noise scissors open hospital neither shoulder document erode puzzle mean thumb mother chair fat pill hurry scale famous chicken seat resemble swing anger'.split(' ');

export const SCENES = ['safe', 'first', 'attention', 'danger', 'off', 'empty', 'locked', 'restoring', 'asked', 'deletion', 'full', 'replaced', 'kits', 'kitstates', 'ending', 'yearly', 'newer', 'awaits', 'books', 'alarms'];

export class Vault {
  /** `scene`: one of {@link SCENES}. */
  constructor({ family, library, news, scene = 'safe' }) {
    Object.assign(this, { family, library, news, seen: new Set(), gone: new Set(), newer: [] });
    this.show(scene);
  }

  show(scene) {
    this.scene = SCENES.includes(scene) ? scene : 'safe';
    this.seen.clear();
    this.status = this.#status();
    this.newer = this.scene === 'newer' ? this.#newer() : [];
    this.changed();
  }

  changed() {
    this.news('vault', {});
  }

  #keeper(home, fields) {
    return {
      household: home.household, name: home.name, state: 'ok', packs: 6_690, photos: PHOTOS, bytes: BYTES, quota: 500 * GB, free: 500 * GB - BYTES, lastProvenAt: before(3 * HOUR), lastSeenAt: before(60_000), path: 'direct',
      growthBytesMonth: 6.2 * GB, fullAt: iso(Date.now() + 1_380 * DAY), ...fields
    };
  }
  #ward(home, fields) {
    return { household: home.household, name: home.name, state: 'ok', bytes: 188 * GB, quota: 500 * GB, held: 0, packs: 5_880, lastHeadAt: before(5 * HOUR), free: 312 * GB, fullAt: iso(Date.now() + 900 * DAY), ask: null, ...fields };
  }

  #status() {
    const [rosa, ben, otto] = this.family.peers.length >= 3 ? this.family.peers : ['Casa Rosa', 'Ben & Clara', 'Linden 14'].map((name) => ({ household: id64(name), name }));
    const full = {
      level: 'safe', sentence: 'Every photo is complete in 2 other homes. All copies checked within 30 days.', replaced: false, reasons: [], completeHomes: 2,
      photos: { total: PHOTOS, safe: PHOTOS, oneHome: 0, none: 0 }, packs: 6_690, bytes: BYTES, pending: { packs: 0, bytes: 0, photos: 0 },
      keepers: [this.#keeper(rosa, { path: 'lan', quota: 1000 * GB, free: 786 * GB, fullAt: iso(Date.now() + 3_900 * DAY) }), this.#keeper(ben, { path: 'relay', lastProvenAt: before(20 * HOUR) })],
      wards: [this.#ward(rosa, {}), this.#ward(otto, { bytes: 41 * GB, quota: 100 * GB, free: 59 * GB, lastHeadAt: before(27 * HOUR), held: 1.4 * GB, fullAt: iso(Date.now() + 44 * DAY) })],
      targets: [{ id: 't1', kind: 'folder', place: '/media/usb/heirloom', state: 'diskAbsent', packs: 6_480, bytes: 207 * GB, lastProvenAt: before(12 * DAY) }],
      asks: [], audits: { checkedAllAt: before(26 * DAY), history: this.#history(() => ({})) },
      drills: [0, 0, 7].map((days, i) => ({ at: before((days + 2) * DAY), photos: 200, bytes: 1.06 * GB, problems: 0, from: i % 2 ? 'Ben & Clara' : 'Nonna Rosa' })), lastDrillAt: before(2 * DAY),
      heals: [['IMG_0411.JPG', 9], ['DSC_2207.NEF', 71], ['IMG_1533.JPG', 140], ['P1020044.JPG', 260]].map(([name, days], i) => ({ at: before(days * DAY), name, asset: id64(name).slice(0, 32), from: i % 2 ? 'Ben & Clara' : 'Nonna Rosa' })),
      alarms: [], restoring: null, ifLostNow: { photos: PHOTOS, newestAt: before(40 * 60_000), unsafePhotos: 0, hoursAt40Mbit: 12.4 }, phrase: { enabled: true, verifiedAt: before(52 * DAY) }
    };
    const status = { ...full, ...this.#scene({ full, rosa, ben, otto }) };
    const kits = [{ kit: id64('kit of Otto'), name: 'Grandpa Otto' }, { kit: id64('kit of Ben'), name: 'Ben & Clara' }];
    // Whose part is meant is asked where it is not clear.
    status.kitRequests = (status.kitRequests ?? []).map((request) => ({ choices: request.hoursLeft === null ? kits : [], ...request }));
    return status;
  }

  /** Newer states elsewhere: two that ask, one that is being brought. */
  #newer() {
    const states = [['Nonna Rosa', 'before', 'asks', 3, false], ['Ben & Clara', 'after', 'asks', 9, true], ['/media/usb', 'setBack', 'bringing', 30, false]];
    return states.map(([place, why, state, days, needsPhrase], i) => ({ id: `newer${i}`, place, madeAt: before(days * DAY), why, state, needsPhrase, brought: state === 'asks' ? 0 : 120, total: state === 'asks' ? 0 : 312, missing: 0, note: null }));
  }

  #history(day) {
    return Array.from({ length: 30 }, (_, i) => ({ day: before(i * DAY).slice(0, 10), ok: 60 + ((i * 7) % 11), wrong: 0, missing: 0, offline: (i * 5) % 13 === 4 ? 9 : 0, ...day(i) }));
  }

  #scene({ full, rosa, ben, otto }) {
    const none = { completeHomes: 0, photos: { total: PHOTOS, safe: 0, oneHome: 0, none: PHOTOS }, packs: 0, keepers: [], targets: [], audits: { checkedAllAt: null, history: [] }, drills: [], lastDrillAt: null, heals: [], ifLostNow: { photos: 0, newestAt: null, unsafePhotos: PHOTOS, hoursAt40Mbit: null } };
    const scenes = {
      first: {
        ...none, level: 'attention', sentence: '4,220 of 12,492 photos are complete in another home. Ben & Clara has not answered yet whether it keeps copies for you.', reasons: [{ kind: 'asked', level: 'attention', text: 'Ben & Clara has not answered yet whether it keeps copies for you.', advice: 'Give them a call: somebody there says yes on their Family page.' }, { kind: 'uploading', level: 'attention', text: 'Copies are on the way: 0 of 12,492 photos are complete in 2 other homes.', advice: 'Nothing to do: leave this computer on, and theirs.' }], packs: 2_260,
        photos: { total: PHOTOS, safe: 0, oneHome: 4_220, none: 8_272 }, pending: { packs: 4_430, bytes: 142 * GB, photos: 8_272, hoursLeft: 61.4 },
        keepers: [this.#keeper(rosa, { path: 'lan', hoursLeft: 61.4, photos: 4_220, packs: 2_260, bytes: 72 * GB, free: 428 * GB, lastProvenAt: before(4 * 60_000), growthBytesMonth: null, fullAt: null }), this.#keeper(ben, { state: 'asked', photos: 0, packs: 0, bytes: 0, free: null, lastProvenAt: null, growthBytesMonth: null, fullAt: null })],
        wards: [], audits: { checkedAllAt: null, history: this.#history(() => ({})).slice(0, 2) }, ifLostNow: { photos: 4_220, newestAt: before(2 * HOUR), unsafePhotos: 8_272, hoursAt40Mbit: 4.1 }, phrase: { enabled: true, verifiedAt: null }
      },
      attention: {
        level: 'attention', sentence: 'All photos but 12 are complete in 2 other homes; the rest are on the way. Ben & Clara has not been reached for 4 days.',
        reasons: [
          { kind: 'away', level: 'attention', text: 'Ben & Clara has not been reached for 4 days.', advice: 'Perhaps they are on holiday. Give them a call if it goes on.' },
          { kind: 'diskAbsent', level: 'attention', text: 'Grandpa Otto is on, but the disk with your copies is not plugged in there.', advice: 'Ask them to plug it in. Nothing is lost as long as the disk is well.' },
          { kind: 'uploading', level: 'attention', text: '12 new photos are still on the way to other homes.', advice: 'Nothing to do: leave this computer on, and theirs.' }
        ], completeHomes: 1,
        keepers: [full.keepers[0], this.#keeper(ben, { state: 'warning', path: 'off', lastSeenAt: before(4.2 * DAY), lastProvenAt: before(4.4 * DAY), photos: 12_480, bytes: 213.8 * GB }), this.#keeper(otto, { state: 'diskAbsent', photos: 9_410, bytes: 160 * GB, lastProvenAt: before(9 * DAY) })],
        alarms: [{ id: 7, kind: 'damaged', text: 'A check found 3 parts of your photos damaged or gone at Grandpa Otto.', advice: 'They are being sent again by themselves. If it happens again, their disk may be failing: tell them.', at: before(1.4 * DAY) }],
        photos: { total: PHOTOS, safe: 12_480, oneHome: 12, none: 0 }, pending: { packs: 1, bytes: 0.2 * GB, photos: 12 }, audits: { checkedAllAt: before(26 * DAY), history: this.#history((ago) => (ago < 5 ? { ok: 34, offline: 30 } : ago === 9 ? { missing: 3 } : {})) },
        drills: [{ at: before(DAY), photos: 197, bytes: 1.04 * GB, problems: 3, from: 'Linden 14' }, ...full.drills.slice(0, 2)]
      },
      danger: {
        level: 'danger', sentence: 'Nonna Rosa has not been reached for 16 days. 12,174 of 12,492 photos are complete in another home.',
        reasons: [
          { kind: 'replaced', level: 'danger', text: 'Nonna Rosa has not been reached for 16 days.', advice: 'It is no longer counted on, and copies go to other homes as far as there are some. Give them a call; if they won’t be back, ask another home.' },
          { kind: 'refused', level: 'attention', text: 'Ben & Clara does not keep copies for you (“our disk is too small”).', advice: 'Talk to them, or ask another home on the Family page.' }
        ],
        completeHomes: 0, photos: { total: PHOTOS, safe: 0, oneHome: 12_174, none: 318 }, pending: { packs: 9, bytes: 1.9 * GB, photos: 318 },
        keepers: [this.#keeper(rosa, { state: 'absent', path: 'off', lastSeenAt: before(16 * DAY), lastProvenAt: before(17 * DAY), photos: 12_174, bytes: 209 * GB }), this.#keeper(ben, { state: 'refused', photos: 0, packs: 0, bytes: 0, free: null, lastProvenAt: null, growthBytesMonth: null, fullAt: null })],
        audits: { checkedAllAt: before(38 * DAY), history: this.#history((ago) => (ago < 16 ? { ok: 0, offline: 64 } : {})) }, ifLostNow: { photos: 12_174, newestAt: before(16 * DAY), unsafePhotos: 318, hoursAt40Mbit: 12 }
      },
      empty: { ...none, level: 'off', sentence: 'There are no photos here yet.', reasons: [{ kind: 'noHome', level: 'off', text: 'There are no photos here yet.', advice: 'Ask a relative or friend whose home has Heirloom, too, to keep copies for you: on the Family page. They can’t look at your photos.' }], photos: { total: 0, safe: 0, oneHome: 0, none: 0 }, ifLostNow: { photos: 0, newestAt: null, unsafePhotos: 0, hoursAt40Mbit: null }, wards: [], phrase: { enabled: true, verifiedAt: null } },
      off: { ...none, level: 'off', sentence: 'Your photos are only in this home. If it burns down, they are gone.', reasons: [{ kind: 'noHome', level: 'off', text: 'Your photos are only in this home. If it burns down, they are gone.', advice: 'Ask a relative or friend whose home has Heirloom, too, to keep copies for you: on the Family page. They can’t look at your photos.' }], wards: [], phrase: { enabled: true, verifiedAt: null } },
      locked: { ...none, level: 'off', sentence: 'Copies in other homes are not set up yet.', reasons: [{ kind: 'notSetUp', level: 'off', text: 'Copies in other homes are not set up yet.', advice: 'Type your 24 recovery words once on this page. They lock the copies, so that nobody but your family can look at them.' }], wards: [], phrase: { enabled: false, verifiedAt: null } },
      restoring: { restoring: { stage: 'originals', done: 4_811, total: PHOTOS, bytes: 81 * GB, totalBytes: BYTES }, heals: [], alarms: [], wards: [] },
      asked: { asks: [{ household: otto.household, name: otto.name, bytes: 250 * GB, at: before(2 * HOUR) }], wards: [full.wards[0]] },
      deletion: { keepers: [this.#keeper(rosa, { path: 'lan', ask: { packs: 3_310, bytes: 104 * GB } }), full.keepers[1]], wards: [this.#ward(rosa, {}), this.#ward(otto, { ask: { packs: 4_100, bytes: 131 * GB } })], alarms: [{ id: 9, kind: 'deletion', text: 'Linden 14 wants 131 GB of its copies deleted.', advice: 'Call them before you say yes. Until then nothing is deleted.', at: before(50 * 60_000) }] },
      replaced: {
        replaced: true, level: 'attention', sentence: 'Another computer has taken the place of this one.',
        reasons: [{ kind: 'outranked', level: 'attention', text: 'Another computer has taken the place of this one.', advice: 'Use the new computer. The photos here stay as plain files on this disk, and nothing more is added here.' }],
        alarms: [{ id: 13, kind: 'recovery', text: 'Somebody with your recovery phrase fetched your copies from Nonna Rosa.', advice: 'If it was none of you, somebody else knows your phrase: make a new household with a new phrase.', at: before(2 * HOUR) }]
      },
      full: {
        level: 'attention', sentence: 'Every photo is complete in 1 other home. The second has no more room.', reasons: [{ kind: 'full', level: 'attention', text: 'Ben & Clara’s home is full: 640 photos found no room there.', advice: 'Ask for more space, or ask another home.' }], completeHomes: 1,
        photos: { total: PHOTOS, safe: 11_852, oneHome: 640, none: 0 }, pending: { packs: 118, bytes: 3.7 * GB, photos: 640 },
        keepers: [full.keepers[0], this.#keeper(ben, { state: 'full', photos: 11_852, bytes: 199.6 * GB, quota: 200 * GB, free: 0.1 * GB, fullAt: before(HOUR) })]
      },
      ending: { wards: [this.#ward(rosa, { state: 'diskAbsent' }), this.#ward(otto, { state: 'ending', bytes: 41 * GB, quota: 100 * GB, free: 0, held: 41 * GB, lastHeadAt: before(9 * DAY), fullAt: null })] },
      kitstates: {
        kits: [
          { id: 'k2', name: 'Für die Enkelkinder, falls Oma und Opa ihr Haus an der Mosel einmal verlieren', threshold: 3, count: 5, state: 'broken', holders: [{ household: rosa.household, name: 'The very long name of the Oberhuber-Winterstein family in Garmisch', state: 'wrong' }, { household: ben.household, name: 'Ben & Clara', state: 'gone' }, { household: otto.household, name: 'Linden 14', state: 'given' }, { household: null, name: '', state: 'paper' }, { household: null, name: '', state: 'paper' }], delayDays: 0, verifiedAt: null, createdAt: before(200 * DAY) },
          { id: 'k3', name: '', threshold: 2, count: 3, state: 'ok', holders: [1, 2, 3].map(() => ({ household: null, name: '', state: 'paper' })), delayDays: 7, verifiedAt: null, createdAt: before(12 * DAY) },
          { id: 'k4', name: 'The old kit', threshold: 2, count: 3, state: 'ending', holders: [{ household: rosa.household, name: 'Nonna Rosa', state: 'ended' }, { household: ben.household, name: 'Ben & Clara', state: 'held' }, { household: null, name: '', state: 'paper' }], delayDays: 7, verifiedAt: before(300 * DAY), createdAt: before(700 * DAY) }
        ],
        kitRequests: [{ id: id64('unclear'), claimed: 'The very long name of the Oberhuber-Winterstein family in Garmisch-Partenkirchen', name: null, words: PHRASE.slice(9, 15).join(' '), state: 'asked', askedAt: before(HOUR), hoursLeft: null }, { id: id64('given'), claimed: 'Linden 14', name: 'Grandpa Otto', words: PHRASE.slice(0, 6).join(' '), state: 'given', askedAt: before(8 * DAY), hoursLeft: 0 }]
      },
      yearly: {
        phrase: { enabled: true, verifiedAt: before(372 * DAY) },
        reminders: [
          { about: 'phrase', kind: 'phrase', text: 'Nobody has checked the sheet with your 24 words for a year.', advice: 'Do you still have the paper? Take it out and type the words here once; it takes five minutes.' },
          { about: 'k1', kind: 'kit', text: 'The homes that hold parts of “For the children” were not asked for a year.', advice: 'Check the parts, best when all of those homes are on.' },
          { about: 'k1', kind: 'paper', text: 'Do you still have the papers of the kit “For the children”?', advice: 'Look where they are, or ask whoever keeps them. If one is gone, end this kit and make a new one.' }
        ],
        kits: [{ id: 'k1', name: 'For the children', threshold: 2, count: 3, state: 'ok', holders: [{ household: rosa.household, name: 'Nonna Rosa', state: 'held' }, { household: ben.household, name: 'Ben & Clara', state: 'held' }, { household: null, name: '', state: 'paper' }], delayDays: 7, verifiedAt: before(400 * DAY), papersSeenAt: before(390 * DAY), createdAt: before(800 * DAY) }]
      },
      newer: { alarms: [{ id: 21, kind: 'newer-state', text: 'Nonna Rosa has a newer state of your home.', advice: 'Bring it home.', at: before(HOUR) }] },
      awaits: {
        level: 'attention', sentence: 'Your originals are coming back.', restoring: { stage: 'originals', done: 9_310, total: PHOTOS, bytes: 161 * GB, totalBytes: BYTES, awaits: ['/media/usb', 'Ben & Clara'] }, ifLostNow: { photos: PHOTOS, newestAt: before(2 * DAY), unsafePhotos: 0, hoursAt40Mbit: 12 }
      },
      books: {
        ...none, level: 'attention', sentence: 'What this home knew about its copies was lost, and is made anew from them. Until that is done, nobody here can say which photos are safe.',
        reasons: [{ kind: 'booksOwed', level: 'attention', text: 'What this home knew about its copies was lost, and is made anew from them.', advice: 'Switch on the homes and connect the disks that keep copies. Nothing is deleted anywhere, and what is not there yet is copied again.' }],
        keepers: full.keepers.map((keeper) => ({ ...keeper, photos: 0, packs: 0, bytes: 0, lastProvenAt: null, growthBytesMonth: null, fullAt: null }))
      },
      alarms: {
        level: 'attention', sentence: full.sentence,
        alarms: [
          { id: 31, kind: 'keys-used', text: 'Somebody else uses the keys of this computer: Nonna Rosa was sent a list of copies that was not written here.', advice: 'Whoever has these keys can look at your photos. Renew them: stop Heirloom on this computer and run `heirloom keys renew` with your 24 words.', at: before(3 * HOUR) },
          { id: 32, kind: 'newer-brought', text: 'Nonna Rosa had a newer state of your home; 214 photos from it were brought back.', advice: 'Nothing is to be done: they are in the timeline, as they were.', at: before(5 * HOUR) },
          { id: 33, kind: 'restored-places', text: 'Disks and stores that you added before the restore are not used any more.', advice: 'Add them again on this page, under “Where the copies are”.', at: before(DAY) }
        ]
      },
      kits: { alarms: [{ id: 11, kind: 'disk_written', text: 'The copies of Grandpa Otto are on the disk, 41 GB in /media/usb.', advice: 'Eject the disk as your computer asks, and bring it to them with their 24 words.', at: before(20 * 60_000) }], kits: [{ id: 'k1', name: 'For the children', threshold: 2, count: 3, state: 'asked', holders: [{ household: rosa.household, name: 'Nonna Rosa', state: 'held' }, { household: ben.household, name: 'Ben & Clara', state: 'held' }, { household: null, name: '', state: 'paper' }], delayDays: 7, verifiedAt: before(30 * DAY), createdAt: before(90 * DAY) }], kitRequests: [{ id: id64('asker'), claimed: 'Linden 14', name: 'Linden 14', words: PHRASE.slice(3, 9).join(' '), state: 'asked', askedAt: before(2 * HOUR), hoursLeft: 166 }] }
    };
    return scenes[this.scene] ?? {};
  }

  /** A restore that is under way goes on a little. */
  #goOn() {
    const { restoring } = this.status;
    if (!restoring) return;
    restoring.done = Math.min(restoring.total, restoring.done + 97);
    restoring.bytes = Math.min(restoring.totalBytes, restoring.bytes + 1.7 * GB);
  }

  #copies(photo) {
    const original = this.scene === 'restoring' && photo.seed % 3 ? 'missing' : photo.seed % 50 === 7 ? 'damaged' : 'here';
    const homes = this.status.keepers.filter((keeper) => keeper.photos > 0 && (keeper.photos >= PHOTOS || photo.seed % 2)).map(({ household, name, lastProvenAt }) => ({ household, name, lastProvenAt }));
    return { original, copies: [...homes, ...this.status.targets.map(({ id, place, lastProvenAt }) => ({ target: id, name: `Disk ${place}`, lastProvenAt }))] };
  }

  /** The typed words against the mock's own. */
  judge(text) {
    const words = text.toLowerCase().split(/\s+/);
    const wrong = words.findIndex((word, i) => word !== PHRASE[i]);
    if (wrong < 0) return { right: true };
    const others = words.filter((word, i) => word !== PHRASE[i]).length;
    if (others > 2) return { right: false, problem: 'these words are a recovery phrase, but not the one of this home' };
    return { right: false, problem: { message: 'One word seems to be copied wrongly.', word: { position: wrong + 1, typed: words[wrong], likely: PHRASE[wrong] } } };
  }

  /** Answers what concerns copies; false for anything else. */
  async answer({ at, path, json, refuse, body }) {
    const status = this.status;
    const id = decodeURIComponent(path.split('/').pop());
    if (at === 'GET /vault') {
      this.#goOn();
      return json(200, { ...status, alarms: status.alarms.filter((alarm) => !this.seen.has(String(alarm.id))) });
    }
    if (at === 'GET /vault/newer') return json(200, { states: this.newer });
    if (at === 'POST /vault/restoring/without') {
      const { place } = await body();
      status.restoring.awaits = status.restoring.awaits.filter((name) => name !== place);
      return json(204, this.changed());
    }
    if (at.startsWith('POST /vault/newer/')) {
      const { bring, phrase } = await body();
      const state = this.newer.find((one) => one.id === id);
      if (!state) return refuse(404, 'There is nothing here.');
      const judged = bring && state.needsPhrase ? this.judge(phrase) : { right: true };
      if (!judged.right) return refuse(400, judged.problem.message ?? judged.problem);
      Object.assign(state, bring ? { state: 'bringing', total: 312 } : { state: 'left' });
      return json(202, this.changed() ?? {});
    }
    const asset = /^GET \/vault\/assets\/([\w-]+)$/.exec(at);
    if (asset) return this.library.find(asset[1]) ? json(200, this.#copies(this.library.find(asset[1]))) : refuse(404, 'There is nothing here.');
    if (/^POST \/vault\/(run|audit|drill|repair)$/.test(at)) return json(202, {});
    if (at === 'POST /vault/ask') return this.#ask(await body(), json);
    if (at === 'POST /vault/keep') return this.#keep(await body(), json);
    if (at === 'POST /vault/phrase') return this.#phrase(await body(), json);
    if (at === 'POST /vault/usb') return (await body()).folder.startsWith('/') ? json(202, {}) : refuse(400, 'There is no such folder on this computer.', 'Write the whole path, beginning with /.');
    if (at === 'POST /vault/targets') {
      const place = await body();
      if (place.kind === 'folder' && !place.place.startsWith('/')) return refuse(400, 'There is no such folder on this computer.', 'Write the whole path, beginning with /.');
      status.targets = [...status.targets, { id: id64(JSON.stringify(place)).slice(0, 8), kind: place.kind, place: place.place ?? `${place.bucket} at ${place.endpoint}`, state: 'ok', packs: 0, bytes: 0, lastProvenAt: null }];
      this.changed();
      return json(201, { id: status.targets.at(-1).id, sameDisk: place.place?.startsWith('/home') ?? false });
    }
    if (at === 'POST /vault/kits') return this.#kit(await body(), json, refuse);
    const kit = /^(POST|DELETE) \/vault\/kits\/(\w+)(\/check|\/refuse)?$/.exec(at);
    if (kit) {
      const known = (status.kits ?? []).find((one) => one.id === kit[2]);
      if (!known) return refuse(404, 'There is no such kit.');
      if (kit[1] === 'DELETE') status.kits = status.kits.filter((one) => one !== known);
      else Object.assign(known, kit[3] === '/check' ? { verifiedAt: iso(Date.now()) } : { state: 'ok' });
      this.changed();
      return kit[3] === '/check' ? json(200, { allRight: true }) : json(204);
    }
    if (at.startsWith('POST /vault/kit-requests/')) {
      const { allow } = await body();
      if (allow) status.kitRequests.find((one) => one.id === id).state = 'allowed';
      else status.kitRequests = status.kitRequests.filter((one) => one.id !== id);
      return json(204, this.changed());
    }
    const reminder = /^POST \/vault\/reminders\/(\w+)$/.exec(at);
    if (reminder) {
      const { answer } = await body();
      status.reminders = status.reminders.filter((one) => one.about !== reminder[1] || (answer === 'there' && one.kind !== 'paper'));
      return json(204, this.changed());
    }
    const alarm = /^POST \/vault\/alarms\/(.+)\/seen$/.exec(at);
    if (alarm) return json(204, this.seen.add(alarm[1]) && this.changed());
    const deletion = /^POST \/vault\/(wards|keepers)\/(\w+)\/deletion$/.exec(at);
    if (deletion) Object.assign(status[deletion[1]].find((home) => home.household === deletion[2]) ?? {}, { ask: null });
    else if (at.startsWith('DELETE /vault/keepers/')) status.keepers = status.keepers.filter((keeper) => keeper.household !== id);
    else if (at.startsWith('DELETE /vault/wards/')) {
      status.wards = status.wards.filter((ward) => ward.household !== id);
      status.asks = status.asks.filter((ask) => ask.household !== id);
    }
    else if (at.startsWith('DELETE /vault/targets/')) status.targets = status.targets.filter((place) => place.id !== id);
    else return false;
    return json(204, this.changed());
  }

  #ask({ household, bytes }, json) {
    const home = this.family.home(household);
    const known = this.status.keepers.find((keeper) => keeper.household === household);
    if (known) Object.assign(known, { quota: bytes, ...(known.state === 'refused' ? { state: 'asked' } : {}) });
    else this.status.keepers = [...this.status.keepers, this.#keeper(home, { state: 'asked', quota: bytes, packs: 0, photos: 0, bytes: 0, free: null, lastProvenAt: null, growthBytesMonth: null, fullAt: null })];
    return json(202, this.changed() ?? {});
  }
  #keep({ household, bytes }, json) {
    const home = this.family.home(household);
    const known = this.status.wards.find((ward) => ward.household === household);
    this.status.asks = this.status.asks.filter((ask) => ask.household !== household);
    if (known) Object.assign(known, { state: 'ok', quota: bytes, free: Math.max(0, bytes - known.bytes) });
    else this.status.wards = [...this.status.wards, this.#ward(home, { bytes: 0, packs: 0, quota: bytes, free: bytes, lastHeadAt: null, fullAt: null })];
    return json(200, this.changed() ?? {});
  }
  #kit({ phrase, name, holders, delayDays }, json, refuse) {
    if (!this.judge(phrase).right) return refuse(400, 'These words are not the recovery phrase of this home.');
    const id = id64(`kit ${Date.now()}`).slice(0, 32);
    const holder = (household) => (household ? { household, name: this.family.home(household).name, state: 'held' } : { household: null, name: '', state: 'paper' });
    this.status.kits = [{ id, name: name || 'Our kit', threshold: holders.length === 3 ? 2 : 3, count: holders.length, state: 'ok', holders: holders.map(holder), delayDays, verifiedAt: null, createdAt: iso(Date.now()) }, ...(this.status.kits ?? [])];
    this.changed();
    const line = '07GR4B8G 9SJV85VN 54TBWTS9 Y4SQ9SZJ';
    return json(201, { id, papers: holders.flatMap((household, i) => (household ? [] : [{ number: i + 1, text: Array(5).fill(line).join('\n') }])) });
  }
  #phrase({ phrase }, json) {
    const answer = this.judge(phrase);
    if (answer.right) {
      if (this.scene === 'locked') this.show('off');
      this.status.phrase = { enabled: true, verifiedAt: iso(Date.now()) };
      this.changed();
    }
    return json(200, answer);
  }
}
