// The one door to the node's API. Every failure becomes an ApiError whose words can be shown to a person.

import type { Account, Asset, AssetChange, MediaTypes, Problem, Status } from './types';

/** What went wrong, in words; `status` is 0 when home was not reached at all. */
export class ApiError extends Error {
  constructor(readonly status: number, message: string, readonly hint?: string, readonly retryAfterSecs?: number) {
    super(message);
  }
}

let onSignedOut = () => {};

/** Is called whenever home says that nobody is signed in. */
export function whenSignedOut(handler: () => void): void {
  onSignedOut = handler;
}

/** Sends a request; answers that are not 2xx or 304 are thrown as {@link ApiError}. */
export async function request(path: string, init: RequestInit & { quiet401?: boolean } = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { credentials: 'same-origin', ...init });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiError(0, 'Home could not be reached.', 'Check that this device is online and that the computer at home is on.');
  }
  if (response.ok || response.status === 304) return response;
  if (response.status === 401 && !init.quiet401) onSignedOut();
  throw await failure(response.status, await response.text(), response.headers.get('retry-after'));
}

/** Turns an error answer into words, also when it was not written by the node. */
export async function failure(status: number, body: string, retryAfter: string | null = null): Promise<ApiError> {
  let message = '';
  let hint: string | undefined;
  try {
    const parsed = JSON.parse(body);
    if (typeof parsed.message === 'string') message = parsed.message;
    if (typeof parsed.hint === 'string') hint = parsed.hint;
  } catch {
    // Not JSON: a proxy or a crash answered; the words below say enough.
  }
  if (!message) message = status >= 500 ? 'Something went wrong at home.' : `Home refused this (${status}).`;
  return new ApiError(status, message, hint, retryAfter ? Number(retryAfter) || undefined : undefined);
}

async function read<T>(path: string, init?: RequestInit & { quiet401?: boolean }): Promise<T> {
  return (await (await request(path, init)).json()) as T;
}

function json(method: string, body?: unknown): RequestInit {
  return { method, headers: { 'content-type': 'application/json' }, body: body === undefined ? undefined : JSON.stringify(body) };
}

export const api = {
  signIn: (email: string, password: string) => request('/api/auth/login', { ...json('POST', { email, password }), quiet401: true }),
  signOut: () => request('/api/auth/logout', { ...json('POST'), quiet401: true }),
  me: () => read<Account>('/api/users/me'),
  asset: (id: number | string) => read<Asset>(`/api/assets/${id}`),
  changeAsset: (id: number | string, change: AssetChange) => read<Asset>(`/api/assets/${id}`, json('PUT', change)),
  changeAssets: (ids: number[], change: AssetChange) => request('/api/assets', json('PUT', { ids: ids.map(String), ...change })),
  status: () => read<Status>('/api/status'),
  problems: () => read<Problem[]>('/api/problems'),
  retryProblem: (id: string | number) => request(`/api/problems/${encodeURIComponent(id)}/retry`, json('POST')),
  mediaTypes: () => read<MediaTypes>('/api/server/media-types'),
  originalUrl: (id: number | string) => `/api/assets/${id}/original`
};
