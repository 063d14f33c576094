// What the walk stands on: a browser, steps that are counted, pictures, and the accessibility check.
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
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
      for (const [at, page] of (this.pages ?? []).entries()) await page.screenshot({ path: join(this.out, `failed-${at}.png`) }).catch(() => {});
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
    await page.evaluate(async () => {
      await document.fonts.ready;
      await Promise.allSettled(document.getAnimations().map((animation) => animation.finished));
    });
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

/** Up to `count` photos below a folder, each with its bytes: small and large ones evenly, no two of the same name. */
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
  const sizes = [...found]
    .map(([name, path]) => ({ name, path, size: statSync(path).size }))
    .filter((photo) => photo.size > 20_000 && photo.size < 8_000_000)
    .sort((a, b) => a.size - b.size || a.name.localeCompare(b.name));
  const step = Math.max(1, (sizes.length - 1) / (count - 1));
  return Array.from({ length: Math.min(count, sizes.length) }, (_, i) => sizes[Math.round(i * step)]).map((photo) => ({ ...photo, bytes: readFileSync(photo.path) }));
}

/** A PNG that says it has 1,200 megapixels and holds none: no home can make a picture of it. */
export function hugeClaim() {
  const chunk = (kind, data) => {
    const body = Buffer.concat([Buffer.from(kind), data]);
    const bytes = Buffer.alloc(body.length + 8);
    bytes.writeUInt32BE(data.length, 0);
    body.copy(bytes, 4);
    let crc = 0xffffffff;
    for (const byte of body) {
      crc ^= byte;
      for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    }
    bytes.writeUInt32BE(~crc >>> 0, body.length + 4);
    return bytes;
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(40_000, 0);
  head.writeUInt32BE(30_000, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  return Buffer.concat([signature, chunk('IHDR', head), chunk('IDAT', deflateSync(Buffer.alloc(1000))), chunk('IEND', Buffer.alloc(0))]);
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

/** Fingers on the page: each step is a list of points, an empty one lifts them all. */
export async function fingers(page, steps) {
  const client = await page.context().newCDPSession(page);
  let down = 0;
  for (const touchPoints of steps) {
    const type = touchPoints.length > down ? 'touchStart' : touchPoints.length < down ? 'touchEnd' : 'touchMove';
    down = touchPoints.length;
    await client.send('Input.dispatchTouchEvent', { type, touchPoints: touchPoints.map((point, id) => ({ ...point, id })) });
  }
  await client.detach();
}

/** A finger going from one point to another. */
export async function swipe(page, from, to) {
  const steps = Array.from({ length: 13 }, (_, k) => [{ x: from.x + ((to.x - from.x) * k) / 12, y: from.y + ((to.y - from.y) * k) / 12 }]);
  await fingers(page, [...steps, []]);
}

/** Two fingers going apart from a point. */
export async function pinch(page, at) {
  const steps = Array.from({ length: 10 }, (_, k) => [{ x: at.x - 20 - k * 12, y: at.y }, { x: at.x + 20 + k * 12, y: at.y }]);
  await fingers(page, [[steps[0][0]], ...steps, []]);
}
