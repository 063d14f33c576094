// The mock's first run: a computer without a home, until one is made or brought back.
import { PHRASE } from './vault.mjs';

const PICTURES = 12_492;
const BYTES = 214e9;
/** Homes that hold parts of the kit, in the order in which links are given; the first of a name says how it goes there. */
const HOLDERS = ['Nonna Rosa', 'Ben & Clara', 'Linden 14', 'Uncle Theo', ''];
const STAGES = ['contact', 'tables', 'pictures', 'originals', 'done'];

export class Setup {
  /** `state`: fresh, code (as fresh, but asks for the code "orchard"), restoring, asking (for parts of a kit), choosing (there are enough), or nothing for a home that runs. `pace`: milliseconds for a stage. */
  constructor({ state, pace, vault }) {
    Object.assign(this, { pace, vault, state: { fresh: 'fresh', code: 'fresh', restoring: 'restoring', asking: 'asking' }[state] ?? 'ready', needsCode: state === 'code', begun: Date.now(), failed: undefined, held: undefined, kit: undefined });
    if (state === 'choosing') this.state = 'asking';
    if (['asking', 'choosing'].includes(state)) this.kit = { name: 'Orchard House', from: ['a', 'b', 'c', 'd', 'e', '/media/usb'], papers: [''], begun: Date.now() - 52 * 3_600_000, ready: state === 'choosing' };
    if (state === 'choosing') this.spread = (i) => ['given', 'given', 'waits', 'away', 'asked'][i];
    if (state === 'asking') this.spread = (i) => ['asked', 'waits', 'expired', 'away', 'asking'][i];
  }

  /** Whether the rest of the API answers: also while originals come. */
  get open() {
    return this.state === 'ready' || (this.state === 'restoring' && ['originals', 'done'].includes(this.#progress().stage));
  }

  #progress() {
    const at = this.held ? STAGES.indexOf(this.held) + 0.38 : (Date.now() - this.begun) / this.pace;
    const stage = this.failed ? 'failed' : STAGES[Math.min(STAGES.length - 1, Math.floor(at))];
    const part = Math.min(1, at % 1);
    const amount = { pictures: [PICTURES, 3.1e9], originals: [PICTURES, BYTES], done: [PICTURES, BYTES] }[stage] ?? [0, 0];
    const share = stage === 'done' ? 1 : part;
    return {
      stage, done: Math.floor(amount[0] * share), total: amount[0], bytes: Math.floor(amount[1] * share), totalBytes: amount[1], message: this.failed ?? null,
      headAt: at < 1 ? null : new Date(Date.now() - 26 * 3_600_000).toISOString(), household: at < 1 ? null : 'Orchard House'
    };
  }

  /** How it stands with the kit: with `--setup asking` one home in each state, otherwise a yes after one pace and a part after three. */
  #asking() {
    const { name, from, papers, begun, over } = this.kit;
    const at = (Date.now() - begun) / this.pace;
    const state = this.spread ?? ((i) => (at < 1 ? 'asking' : at < 2 + i ? 'asked' : at < 4 + i ? 'waits' : 'given'));
    const links = from.filter((text) => !text.startsWith('/'));
    const homes = links.map((text, i) => ({ id: `link-${text}`, name: HOLDERS[i % HOLDERS.length], state: state(i), words: state(i) === 'asking' || state(i) === 'expired' ? null : PHRASE.slice(i, i + 6).join(' '), hoursLeft: state(i) === 'waits' ? 142 : null }));
    const places = from.filter((text) => text.startsWith('/')).map((place) => ({ id: `disk-${place}`, place, there: false }));
    const have = homes.filter((home) => home.state === 'given').length + papers.length;
    if (have >= 2 && !this.spread) this.kit.ready = true;
    const days = (n) => new Date(Date.now() - n * 86_400_000 - 2_100_000).toISOString();
    const states = this.kit.ready ? [0, 1, 2, 4, 9, 30].map((n, i) => ({ id: `state-${n}`, madeAt: days(n), places: i ? ['Nonna Rosa'] : ['Nonna Rosa', 'Ben & Clara'] })) : null;
    const silent = this.kit.ready ? [...homes.filter((home) => home.state === 'away').map((home) => home.name), ...places.map(({ place }) => place)] : [];
    return { name, askedAt: new Date(begun).toISOString(), homes, places, papers: papers.map((_, i) => ({ id: `paper-${i}`, part: i + 3 })), have, needed: have ? 2 : null, states, silent, message: over ?? null, over: over !== undefined };
  }

  /** Answers what concerns the first run; false for anything else. */
  async answer({ at, json, refuse, body, code }) {
    if (!at.split(' ')[1].startsWith('/setup')) return false;
    if (at === 'GET /setup') return json(200, { state: this.state, needsCode: this.needsCode });
    if (at === 'GET /setup/restore') return json(200, this.#progress());
    if (this.needsCode && code !== 'orchard') return refuse(403, 'This is not the code from the terminal.');
    if (at === 'POST /setup/found') return json(201, { phrase: PHRASE, token: 'orchard' });
    if (at === 'POST /setup/finish') return json(204, (this.state = 'ready'));
    if (at === 'GET /setup/kit') return this.kit ? json(200, this.#asking()) : refuse(404, 'There is nothing here.');
    if (at === 'DELETE /setup/kit') return json(204, Object.assign(this, { state: 'fresh', kit: undefined, spread: undefined }));
    const out = /^DELETE \/setup\/kit\/entries\/(link|disk|paper)-(.+)$/.exec(decodeURIComponent(at));
    if (out && this.kit) {
      const { from, papers } = this.kit;
      if (out[1] === 'link' && from.filter((text) => !text.startsWith('/')).length === 1) return json(400, { message: 'One link of a home is needed in any case, also where the parts are on paper: the rest of the kit lies with the homes that keep your copies.' });
      Object.assign(this.kit, { from: from.filter((text) => out[1] === 'paper' || text !== out[2]), papers: papers.filter((_, i) => out[1] !== 'paper' || i !== Number(out[2])) });
      return json(202, {});
    }
    if (at === 'POST /setup/kit/state') return json(202, Object.assign(this, { state: 'restoring', begun: Date.now(), kit: undefined, spread: undefined }) && {});
    if (at === 'POST /setup/kit') {
      const { name, from, papers } = await body();
      if (papers.some((paper) => paper.replace(/[\s-]/g, '').length !== 160)) return json(400, { message: 'The part that you typed is not right: group 7 on the sheet was copied wrongly; compare its eight letters with the sheet.' });
      const known = this.kit ?? { name, from: [], papers: [], begun: Date.now() };
      this.kit = { ...known, over: undefined, from: [...known.from, ...from.split('\n').filter((line) => line.trim())], papers: [...known.papers, ...papers] };
      this.state = 'asking';
      return json(202, {});
    }
    if (at !== 'POST /setup/restore') return false;
    const { phrase, from } = await body();
    const { right, problem } = this.vault.judge(phrase);
    if (!right) return json(400, typeof problem === 'string' ? { message: 'This is a recovery phrase, but of another home than the one that was asked.', hint: 'Look whether it is the right sheet.' } : problem);
    if (/refused$/.test(from)) return refuse(400, 'This home does not answer.', 'Ask there whether the computer is on, then try again.');
    this.failed = /(fails)$/.test(from) ? 'The other home stopped answering.' : undefined;
    Object.assign(this, { state: 'restoring', begun: Date.now() });
    return json(202, {});
  }
}
