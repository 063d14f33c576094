// Who is signed in on this device. The cookie is out of this page's reach; the account's id is remembered only so that the
// timeline kept on this device can be painted before home answers.

import { goto } from '$app/navigation';
import { api, whenSignedOut } from './api/client';
import type { Account } from './api/types';
import { forgetAll } from './timeline/cache';

const REMEMBERED = 'heirloom.account';

class Session {
  account = $state.raw<Account>();

  /** Id of the account that signed in last on this device, known before home answers. */
  get rememberedId(): string | undefined {
    return this.account?.id ?? localStorage.getItem(REMEMBERED) ?? undefined;
  }

  #loading: Promise<void> | undefined;

  /** Settles when home has said who is signed in; a device that nobody used before waits for that with everything. */
  get ready(): Promise<void> {
    return this.rememberedId ? Promise.resolve() : (this.#loading ??= this.load());
  }

  async load(): Promise<void> {
    const account = await api.me();
    if (localStorage.getItem(REMEMBERED) !== account.id) await forgetAll();
    localStorage.setItem(REMEMBERED, account.id);
    this.account = account;
  }

  async signIn(email: string, password: string): Promise<void> {
    await api.signIn(email, password);
    await this.load();
  }

  async signOut(): Promise<void> {
    await api.signOut();
    await this.#forget();
    location.assign('/sign-in');
  }

  async #forget(): Promise<void> {
    localStorage.removeItem(REMEMBERED);
    await forgetAll();
    this.account = undefined;
  }
}

export const session = new Session();

/** Where to go after signing in: an address of this page, never another site's. */
export function safeReturn(back: string | null): string {
  return back && /^\/(?![/\\])/.test(back) && !back.startsWith('/sign-in') ? back : '/';
}

whenSignedOut(() => {
  if (location.pathname === '/sign-in') return;
  session.account = undefined;
  void goto(`/sign-in?back=${encodeURIComponent(location.pathname + location.search)}`, { replaceState: true });
});
