// One page for the browser; nothing is drawn on a server.
export const ssr = false;
export const prerender = false;
