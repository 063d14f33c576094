// Draws the PNG icons in static/ from mark.svg with a local Chromium.  node dev/icons.mjs [PATH_OF_CHROMIUM]
import { readFileSync, writeFileSync } from 'node:fs';
import { chromium } from 'playwright-core';

const folder = new URL('../static/', import.meta.url);
const mark = readFileSync(new URL('mark.svg', folder), 'utf8');
const browser = await chromium.launch({ executablePath: process.argv[2] ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'] });
for (const [name, size, part] of [['icon-192.png', 192, 0.78], ['icon-512.png', 512, 0.78], ['icon-maskable-512.png', 512, 0.58]]) {
  const page = await browser.newPage({ viewport: { width: size, height: size } });
  await page.setContent(`<body style="margin:0;display:grid;place-items:center;height:100vh;background:#fbfaf7">${mark.replace('<svg ', `<svg width="${size * part}" `)}</body>`);
  writeFileSync(new URL(name, folder), await page.screenshot());
}
await browser.close();
