// Made-up landscapes, each the same for the same photo.
import { deflateSync } from 'node:zlib';

/** Landscapes that all made-up photos share. */
const VARIANTS = 60;
const SKIES = [['#cfe0ea', '#f3dfc0'], ['#f7d3a6', '#d9826b'], ['#2a2c44', '#5b4a6d'], ['#e9e4d8', '#b9a48a'], ['#a9c9d4', '#dfe9e4'], ['#f0ece6', '#c3c9cf'], ['#86a7c7', '#e6c9c0'], ['#3b5d7c', '#c6a28a']];
const HILLS = [['#6f9160', '#3f6a46'], ['#8a6a52', '#4f3b30'], ['#5f7f95', '#274b66'], ['#9aa3ab', '#5b626b'], ['#c98a4d', '#7a4b2c'], ['#7e9b7a', '#2f5148'], ['#77698e', '#3c3352']];

export function random(seed) {
  let state = (seed * 2654435761) >>> 0;
  return () => {
    state = (Math.imul(state ^ (state >>> 15), state | 1) + 0x6d2b79f5) >>> 0;
    const mixed = Math.imul(state ^ (state >>> 7), state | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** The sky's colour as RGB565. */
export function colourOf(seed) {
  const [top, low] = SKIES[Math.floor(random(seed % VARIANTS)() * SKIES.length)].map((hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)));
  const [r, g, b] = top.map((value, i) => (value + low[i]) / 2.2);
  return ((r >> 3) << 11) | ((g >> 2) << 5) | (b >> 3);
}

const KEPT_MAX = 400;
const kept = new Map();

/** The picture of a made-up photo as a PNG whose shorter side is `short`; photos share a few dozen landscapes. */
export function scene({ seed, ratio }, short) {
  const key = `${seed % VARIANTS} ${ratio.toFixed(3)} ${short}`;
  let bytes = kept.get(key);
  if (!bytes) {
    bytes = draw(seed % VARIANTS, ratio, short);
    kept.set(key, bytes);
    if (kept.size > KEPT_MAX) kept.delete(kept.keys().next().value);
  }
  return { type: 'image/png', bytes };
}

const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
const mix = (a, b, part) => a.map((value, i) => value + (b[i] - value) * part);

function draw(variant, ratio, short) {
  const next = random(variant);
  const [top, low] = SKIES[Math.floor(next() * SKIES.length)].map(rgb);
  const [near, far] = HILLS[Math.floor(next() * HILLS.length)].map(rgb);
  const height = ratio >= 1 ? short : Math.round(short / ratio);
  const width = ratio >= 1 ? Math.round(short * ratio) : short;
  const sun = next() > 0.5 ? { x: next() * width, y: (0.12 + next() * 0.3) * height, r: short * (0.04 + next() * 0.05) } : undefined;
  const ridges = [[0.5, 0.12, mix(far, low, 0.55)], [0.64, 0.1, mix(far, near, 0.4)], [0.8, 0.09, near]].map(([base, swing, colour]) => {
    const waves = [1.3, 2.9, 6.1].map((speed) => ({ speed: speed * (0.7 + next() * 0.6), phase: next() * 7, size: swing / (1 + speed * 0.5) }));
    const line = Float32Array.from({ length: width }, (_, x) => (base + waves.reduce((sum, wave) => sum + Math.sin((x / short) * wave.speed + wave.phase) * wave.size, 0)) * height);
    return { line, colour };
  });
  const rows = Buffer.alloc((width * 3 + 1) * height);
  for (let y = 0, at = 0; y < height; y++) {
    rows[at++] = 0;
    const sky = mix(top, low, Math.min(1, y / (height * 0.62)));
    const shade = 1 - 0.35 * (y / height);
    for (let x = 0; x < width; x++) {
      let colour = sun && (x - sun.x) ** 2 + (y - sun.y) ** 2 < sun.r ** 2 ? [255, 246, 224] : sky;
      for (const ridge of ridges) if (y > ridge.line[x]) colour = ridge.colour;
      const dim = colour === sky || colour[0] === 255 ? 1 : shade;
      for (const value of colour) rows[at++] = value * dim;
    }
  }
  return png(width, height, rows);
}

/** An 8-bit RGB PNG of rows that begin with their filter byte. */
function png(width, height, rows) {
  const chunk = (kind, data) => {
    const body = Buffer.concat([Buffer.from(kind), data]);
    const bytes = Buffer.alloc(body.length + 8);
    bytes.writeUInt32BE(data.length, 0);
    body.copy(bytes, 4);
    bytes.writeUInt32BE(crc32(body), body.length + 4);
    return bytes;
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]), chunk('IHDR', head), chunk('IDAT', deflateSync(rows, { level: 3 })), chunk('IEND', Buffer.alloc(0))]);
}

const CRC = Uint32Array.from({ length: 256 }, (_, n) => Array.from({ length: 8 }).reduce((c) => (c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1), n));
function crc32(bytes) {
  let c = 0xffffffff;
  for (const byte of bytes) c = CRC[(c ^ byte) & 255] ^ (c >>> 8);
  return ~c >>> 0;
}
