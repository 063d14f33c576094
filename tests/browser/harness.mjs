// What the walk stands on: a browser, steps that are counted, pictures, and the accessibility check.
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import AxeBuilder from '@axe-core/playwright';
import { chromium } from 'playwright-core';

export const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };
export const DESKTOP = { viewport: { width: 1440, height: 900 } };
const WAIT_MS = 20_000;

export async function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu']
  });
}

/** Counts what worked. A step that fails ends the walk: what follows stands on it. */
export class Walk {
  passed = 0;
  failed = 0;
  /** Errors that the page itself reported; a walk with any has failed. */
  complaints = [];

  constructor(out) {
    this.out = out;
    mkdirSync(out, { recursive: true });
  }

  async step(name, work) {
    if (this.failed) return undefined;
    const start = Date.now();
    try {
      const result = await work();
      this.passed++;
      console.log(`ok      ${name} (${Date.now() - start} ms)`);
      return result;
    } catch (error) {
      this.failed++;
      console.log(`FAILED  ${name}: ${error.message}`);
      if (process.env.DEBUG) console.log(await this.pages[0].evaluate(() => Promise.race([new Promise((r) => requestAnimationFrame(() => r('raf'))), new Promise((r) => setTimeout(() => r('raf stuck ' + document.visibilityState + document.querySelector('.panel h2')?.textContent), 500))])));
      for (const page of this.pages ?? []) await page.screenshot({ path: join(this.out, 'failed.png') }).catch(() => {});
      return undefined;
    }
  }

  /** A page whose errors are remembered. Refusals (4xx) are part of the walk; scripts that fail or are blocked are not. */
  async page(browser, base, options) {
    const context = await browser.newContext({ baseURL: base, acceptDownloads: true, locale: 'en-GB', ...options });
    context.setDefaultTimeout(WAIT_MS);
    const page = await context.newPage();
    page.on('pageerror', (error) => this.complaints.push(`script: ${error.message}`));
    page.on('console', (message) => {
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) this.complaints.push(`console: ${message.text()}`);
    });
    this.pages = [page];
    return page;
  }

  async shot(page, name) {
    await page.evaluate(() => document.fonts.ready);
    await page.screenshot({ path: join(this.out, `${name}.png`) });
  }

  async accessible(page, what) {
    const { violations } = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']).analyze();
    const words = violations.map((violation) => `${violation.id} (${violation.impact}) at ${violation.nodes.map((node) => node.target.join(' ')).slice(0, 3).join(', ')}`);
    if (words.length) throw new Error(`${what}: ${words.join('; ')}`);
  }

  finish() {
    for (const complaint of new Set(this.complaints)) console.log(`FAILED  the page complained: ${complaint}`);
    this.failed += new Set(this.complaints).size;
    console.log(`${this.passed} passed, ${this.failed} failed`);
    return this.failed === 0 ? 0 : 1;
  }
}

export function assert(condition, message) {
  if (!condition) throw new Error(message);
}

/** Up to `count` photos below a folder, each with its bytes; small ones first, no two of the same name. */
export function findPhotos(folder, count) {
  const found = new Map();
  const visit = (path) => {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      const child = join(path, entry.name);
      if (entry.isDirectory()) visit(child);
      else if (/\.(jpe?g|png|webp)$/i.test(entry.name)) found.set(entry.name, child);
    }
  };
  visit(folder);
  return [...found]
    .map(([name, path]) => ({ name, path, size: statSync(path).size }))
    .filter((photo) => photo.size > 8_000 && photo.size < 12_000_000)
    .sort((a, b) => a.size - b.size)
    .slice(0, count)
    .map((photo) => ({ ...photo, bytes: readFileSync(photo.path) }));
}

/** Lets files go over the page, as a hand would. */
export async function dropFiles(page, photos) {
  const files = photos.map(({ name, bytes }) => ({ name, text: bytes.toString('base64') }));
  await page.evaluate((list) => {
    const data = new DataTransfer();
    for (const { name, text } of list) {
      const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
      const ending = name.split('.').pop().toLowerCase().replace('jpg', 'jpeg');
      data.items.add(new File([bytes], name, { type: `image/${ending}`, lastModified: Date.UTC(2024, 4, 3) }));
    }
    for (const kind of ['dragenter', 'dragover', 'drop']) document.body.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
  }, files);
}

/** A finger going from one point to another; with `holdMs` it rests first. */
export async function finger(page, from, to, { steps = 12 } = {}) {
  const client = await page.context().newCDPSession(page);
  const touch = (type, point) => client.send('Input.dispatchTouchEvent', { type, touchPoints: point ? [point] : [] });
  await touch('touchStart', from);
  for (let k = 1; k <= steps; k++) await touch('touchMove', { x: from.x + ((to.x - from.x) * k) / steps, y: from.y + ((to.y - from.y) * k) / steps });
  await touch('touchEnd');
  await client.detach();
}
