// Sends one file home and tells how far it is. XMLHttpRequest, because fetch cannot say how much has left.

import { failure, request } from '$lib/api/client';
import type { Outcome } from './queue';

/** Answers that mean "later", not "no". */
const LATER = new Set([0, 408, 425, 429, 502, 503, 504]);

export function send(file: File, progress: (part: number) => void, signal: AbortSignal): Promise<Outcome> {
  return new Promise((resolve) => {
    const call = new XMLHttpRequest();
    const abort = () => call.abort();
    signal.addEventListener('abort', abort, { once: true });
    call.open('POST', '/api/assets');
    call.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    call.onloadend = () => {
      signal.removeEventListener('abort', abort);
      void judge(call).then(resolve);
    };
    call.send(form(file));
  });
}

/** Small fields first, so that home knows them before the bytes arrive. */
function form(file: File): FormData {
  const modified = new Date(file.lastModified).toISOString();
  const fields = new FormData();
  fields.append('fileCreatedAt', modified);
  fields.append('fileModifiedAt', modified);
  fields.append('isFavorite', 'false');
  fields.append('filename', file.name);
  fields.append('assetData', file, file.name);
  return fields;
}

async function judge(call: XMLHttpRequest): Promise<Outcome> {
  if (call.status === 201) return { kind: 'added' };
  if (call.status === 200) return { kind: 'duplicate' };
  if (call.status === 0) return { kind: 'unreached', reason: 'Home could not be reached.' };
  if (call.status === 401) void request('/api/users/me').catch(() => undefined); // leads to the sign-in page
  const error = await failure(call.status, call.responseText);
  const reason = [error.message, error.hint].filter(Boolean).join(' ');
  return LATER.has(call.status) ? { kind: 'unreached', reason } : { kind: 'refused', reason };
}
