// Measures the timeline in a real browser: first grid, jumps, scrolling, memory. Prints JSON.
//   node dev/measure.mjs [--base URL --email EMAIL --password PASSWORD] [--photos 100000] [--jumps 30] [--chromium PATH]
// Without --base it starts the mock with that many photos. Times are wall clock on this machine: quiet it first.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

const { values: options } = parseArgs({
  options: {
    base: { type: 'string' }, email: { type: 'string', default: 'anna@example.org' }, password: { type: 'string', default: 'heirloom' },
    photos: { type: 'string', default: '100000' }, jumps: { type: 'string', default: '30' }, chromium: { type: 'string', default: '/usr/bin/chromium' }
  }
});
const PORT = 4791;
const base = options.base ?? `http://127.0.0.1:${PORT}`;
let mock;
if (!options.base) {
  mock = spawn(process.execPath, [fileURLToPath(new URL('mock.mjs', import.meta.url)), '--port', String(PORT), '--photos', options.photos], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(mock.stdout, 'data');
}

const browser = await chromium.launch({ executablePath: options.chromium, args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--enable-precise-memory-info', '--js-flags=--expose-gc'] });
const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
const page = await context.newPage();
await page.request.post(`${base}/api/auth/login`, { data: { email: options.email, password: options.password } });
await page.addInitScript(() => {
  window.__long = [];
  new PerformanceObserver((list) => list.getEntries().forEach((entry) => window.__long.push(Math.round(entry.duration)))).observe({ entryTypes: ['longtask'] });
  const watch = () => {
    if (document.querySelector('.cell')) requestAnimationFrame(() => (window.__firstGrid = performance.now()));
    else requestAnimationFrame(watch);
  };
  requestAnimationFrame(watch);
});
const client = await context.newCDPSession(page);
await client.send('Performance.enable', { timeDomain: 'threadTicks' });
const cpuMs = async () => (await client.send('Performance.getMetrics')).metrics.find(({ name }) => name === 'TaskDuration').value * 1000;
const round = (value) => Math.round(value * 10) / 10;
const rank = (values, part) => round(values.sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * part))]);
const longTasks = () => page.evaluate(() => window.__long.splice(0));

async function load(path) {
  await page.goto(base + path);
  await page.waitForFunction(() => window.__firstGrid);
  await page.waitForFunction(() => {
    const pictures = [...document.querySelectorAll('.cell img')].slice(0, 20);
    return pictures.length >= 10 && pictures.every((picture) => picture.complete);
  });
  return page.evaluate(() => ({ first_grid_ms: Math.round(window.__firstGrid), first_pictures_ms: Math.round(performance.now()) }));
}

const first = await load('/');
const firstCpu = await cpuMs();
const transferred = await page.evaluate(() => {
  const entries = performance.getEntriesByType('resource');
  const sum = (test) => entries.filter((entry) => test.test(entry.name)).reduce((total, entry) => total + entry.transferSize, 0);
  return { js_bytes: sum(/\.js/), css_bytes: sum(/\.css/), skeleton_bytes: sum(/skeleton/) };
});
await page.waitForTimeout(3_000); // long enough for the skeleton to be kept on the device
const again = await load('/');
await longTasks();

/** Presses on the line of years at a part of its height and waits for the second frame after it. */
const rail = await page.locator('[role=slider]').boundingBox();
const y = (part) => rail.y + 1 + part * (rail.height - 2);
const jumps = [];
const jumpCpu = await cpuMs();
for (let k = 0; k < Number(options.jumps); k++) {
  const at = y((k * 0.381966) % 1);
  await page.evaluate(() => {
    window.__jump = new Promise((resolve) => document.querySelector('[role=slider]').addEventListener('pointerdown', (event) => requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now() - event.timeStamp))), { once: true, capture: true }));
  });
  await page.mouse.move(rail.x + 20, at);
  await page.mouse.down();
  jumps.push(await page.evaluate(() => window.__jump));
  await page.mouse.up();
  await page.waitForTimeout(150);
}
const cpuPerJump = ((await cpuMs()) - jumpCpu) / jumps.length;
const jumpTasks = await longTasks();
const memory = await page.evaluate(() => {
  window.gc?.();
  return { heap_mb: Math.round(performance.memory.usedJSHeapSize / 1e5) / 10, dom_nodes: document.getElementsByTagName('*').length, cells: document.querySelectorAll('.cell').length };
});

async function scroll(pixels) {
  await page.mouse.click(rail.x + 20, y(0.5));
  await page.waitForTimeout(400);
  await longTasks();
  const before = await cpuMs();
  const frames = await page.evaluate((step) => new Promise((resolve) => {
    const box = document.querySelector('.scroller');
    const times = [];
    const tick = (now) => {
      times.push(now);
      box.scrollTop += step;
      if (times.length < 180) requestAnimationFrame(tick);
      else resolve(times.slice(1).map((time, i) => time - times[i]));
    };
    requestAnimationFrame(tick);
  }), pixels);
  return { pixels_per_frame: pixels, fps: round(1000 / (frames.reduce((a, b) => a + b) / frames.length)), frame_p95_ms: rank(frames, 0.95), cpu_ms_per_frame: round(((await cpuMs()) - before) / frames.length), long_tasks: (await longTasks()).length };
}
const scrolling = [];
for (const pixels of [60, 400, 3000]) scrolling.push(await scroll(pixels));

await page.mouse.move(rail.x + 20, y(0.9));
await page.mouse.down();
await page.mouse.move(rail.x + 20, rail.y + rail.height + 10, { steps: 3 });
await page.mouse.up();
await page.waitForTimeout(500);
const last = await page.evaluate(() => {
  const box = document.querySelector('.scroller').getBoundingClientRect();
  const cells = [...document.querySelectorAll('.cell')];
  const end = cells.reduce((a, b) => (Number(a.dataset.index) > Number(b.dataset.index) ? a : b));
  return { index: Number(end.dataset.index), visible: end.getBoundingClientRect().bottom <= box.bottom + 1 };
});
const n = Buffer.from(await (await page.request.get(`${base}/api/timeline/all/skeleton`)).body()).readUInt32LE(8);

console.log(JSON.stringify({
  photos: n, first, first_cpu_ms: round(firstCpu), again, ...transferred, jumps: jumps.length, jump_p50_ms: rank(jumps, 0.5), jump_p95_ms: rank(jumps, 0.95),
  cpu_ms_per_jump: round(cpuPerJump), jump_long_tasks: jumpTasks.length, ...memory, scrolling, last_photo_reachable: last.index === n - 1 && last.visible
}, null, 1));
await browser.close();
mock?.kill();
