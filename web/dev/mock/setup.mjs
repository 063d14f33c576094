// The mock's first run: a computer without a home, until one is made or brought back.
import { PHRASE } from './vault.mjs';

const PICTURES = 12_492;
const BYTES = 214e9;
const STAGES = ['contact', 'tables', 'pictures', 'originals', 'done'];

export class Setup {
  /** `state`: fresh, code (as fresh, but asks for the code "orchard"), restoring, or nothing for a home that runs. `pace`: milliseconds for a stage. */
  constructor({ state, pace, vault }) {
    Object.assign(this, { pace, vault, state: { fresh: 'fresh', code: 'fresh', restoring: 'restoring' }[state] ?? 'ready', needsCode: state === 'code', begun: Date.now(), failed: undefined, held: undefined });
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

  /** Answers what concerns the first run; false for anything else. */
  async answer({ at, json, refuse, body, code }) {
    if (!at.split(' ')[1].startsWith('/setup')) return false;
    if (at === 'GET /setup') return json(200, { state: this.state, needsCode: this.needsCode });
    if (at === 'GET /setup/restore') return json(200, this.#progress());
    if (this.needsCode && code !== 'orchard') return refuse(403, 'This is not the code from the terminal.');
    if (at === 'POST /setup/found') return json(201, { phrase: PHRASE, token: 'orchard' });
    if (at === 'POST /setup/finish') return json(204, (this.state = 'ready'));
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
