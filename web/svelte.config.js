import adapter from '@sveltejs/adapter-static';
import { readFileSync } from 'node:fs';

const { version } = JSON.parse(readFileSync(new URL('./package.json', import.meta.url), 'utf8'));

/** @type {import('@sveltejs/kit').Config} */
export default {
  kit: {
    // One page for every address: the node answers unknown paths with index.html.
    adapter: adapter({ fallback: 'index.html', precompress: true }),
    paths: { relative: false },
    // A fixed name, so that the same sources build the same bytes.
    version: { name: version },
    // The built page carries its own policy with the hash of its one boot script; the node sends the same one as a header.
    csp: {
      mode: 'hash',
      directives: {
        'default-src': ['none'],
        'script-src': ['self'],
        'style-src': ['self', 'unsafe-inline'],
        'img-src': ['self', 'blob:', 'data:'],
        'font-src': ['self'],
        'connect-src': ['self'],
        'manifest-src': ['self'],
        'form-action': ['self'],
        'base-uri': ['none']
      }
    }
  }
};
