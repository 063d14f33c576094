import { sveltekit } from '@sveltejs/kit/vite';
import tailwindcss from '@tailwindcss/vite';
import { defineConfig } from 'vitest/config';

/** Where `vite dev` finds the API: the mock (`npm run mock`) or a real home. */
const api = process.env.HEIRLOOM_API ?? 'http://127.0.0.1:4790';

export default defineConfig({
  plugins: [tailwindcss(), sveltekit()],
  server: { proxy: { '/api': api } },
  // A busy machine is not a broken page: tests end by themselves, this only ends a hang.
  test: { include: ['src/**/*.test.ts'], environment: 'node', testTimeout: 60_000 }
});
