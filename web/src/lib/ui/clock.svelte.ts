// The present moment for words like "12 minutes ago": it goes on while somebody looks at it.

import { createSubscriber } from 'svelte/reactivity';

const STEP_MS = 20_000;

const subscribe = createSubscriber((update) => {
  const timer = setInterval(update, STEP_MS);
  return () => clearInterval(timer);
});

/** Now, in milliseconds; whoever reads it in a template is drawn again as time goes on. */
export function nowMs(): number {
  subscribe();
  return Date.now();
}
