// The one door to the node's API. Every failure becomes an ApiError whose words can be shown to a person.

import createClient from 'openapi-fetch';
import type { components, paths } from './schema';
import type { AssetChange } from './types';

/** What went wrong, in words; `status` is 0 when home was not reached at all; `word` is said of a recovery phrase. */
export class ApiError extends Error {
  constructor(readonly status: number, message: string, readonly hint?: string, readonly retryAfterSecs?: number, readonly word?: unknown) {
    super(message);
  }
}

let onSignedOut = () => {};

/** Is called whenever home says that nobody is signed in. */
export function whenSignedOut(handler: () => void): void {
  onSignedOut = handler;
}

/** Sends a request; answers that are not 2xx or 304 are thrown as {@link ApiError}. */
export async function request(input: string | Request, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(input, { credentials: 'same-origin', ...init });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiError(0, 'Home could not be reached.', 'Check that this device is online and that the computer at home is on.');
  }
  if (response.ok || response.status === 304) return response;
  // Signing in and out, and the first run, say what went wrong themselves.
  if (response.status === 401 && !/^\/api\/(auth|setup)\b/.test(new URL(response.url).pathname)) onSignedOut();
  throw await failure(response.status, await response.text(), response.headers.get('retry-after'));
}

/** Turns an error answer into words, also when it was not written by the node. */
export async function failure(status: number, body: string, retryAfter: string | null = null): Promise<ApiError> {
  let message = '';
  let hint: string | undefined;
  let word: unknown;
  try {
    const parsed = JSON.parse(body);
    word = parsed.word;
    if (typeof parsed.message === 'string') message = parsed.message;
    if (typeof parsed.hint === 'string') hint = parsed.hint;
  } catch {
    // Not JSON: a proxy or a crash answered; the words below say enough.
  }
  if (!message) message = status >= 500 ? 'Something went wrong at home.' : `Home refused this (${status}).`;
  return new ApiError(status, message, hint, retryAfter ? Number(retryAfter) || undefined : undefined, word);
}

const http = createClient<paths>({ fetch: (input) => request(input) });

/** The answer's body; errors were thrown before. */
async function data<T>(answer: Promise<{ data?: T }>): Promise<T> {
  return (await answer).data as T;
}

/** {@link AssetChange} as the generated types want it. */
const changes = (change: AssetChange) => change as components['schemas']['Changes'];

export const api = {
  signIn: (email: string, password: string) => http.POST('/api/auth/login', { body: { email, password } }),
  signOut: () => http.POST('/api/auth/logout'),
  me: () => data(http.GET('/api/users/me')),
  asset: (id: number) => data(http.GET('/api/assets/{id}', { params: { path: { id: String(id) } } })),
  changeAsset: (id: number, change: AssetChange) =>
    data(http.PUT('/api/assets/{id}', { params: { path: { id: String(id) } }, body: changes(change) })),
  changeAssets: (ids: number[], change: AssetChange) => http.PUT('/api/assets', { body: { ids: ids.map(String), ...changes(change) } }),
  status: () => data(http.GET('/api/status')),
  problems: () => data(http.GET('/api/problems')),
  retryProblem: (id: number) => http.POST('/api/problems/{id}/retry', { params: { path: { id } } }),
  mediaTypes: () => data(http.GET('/api/server/media-types')),
  originalUrl: (id: number) => `/api/assets/${id}/original`
};
