// Made-up landscapes as SVG, each the same for the same photo.
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
  const [top, low] = SKIES[Math.floor(random(seed)() * SKIES.length)].map((hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)));
  const [r, g, b] = top.map((value, i) => (value + low[i]) / 2.2);
  return ((r >> 3) << 11) | ((g >> 2) << 5) | (b >> 3);
}

export function scene({ seed, ratio }, short) {
  const next = random(seed);
  const [top, low] = SKIES[Math.floor(next() * SKIES.length)];
  const height = ratio >= 1 ? short : Math.round(short / ratio);
  const width = ratio >= 1 ? Math.round(short * ratio) : short;
  const ridge = (base, swing) => {
    const points = Array.from({ length: 9 }, (_, i) => [(i / 8) * width, (base + (next() - 0.5) * swing) * height]);
    const curve = points.slice(1).map(([x, y], i) => `S${(x + points[i][0]) / 2} ${y} ${x} ${y}`).join('');
    return `M0 ${height}L0 ${points[0][1]}${curve}L${width} ${height}Z`;
  };
  const [near, far] = HILLS[Math.floor(next() * HILLS.length)];
  const sun = next() > 0.5 ? `<circle cx="${next() * width}" cy="${(0.12 + next() * 0.3) * height}" r="${short * (0.04 + next() * 0.05)}" fill="#fff5df" opacity=".85"/>` : '';
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"><defs><linearGradient id="s" x1="0" y1="0" x2="0" y2="1"><stop stop-color="${top}"/><stop offset="1" stop-color="${low}"/></linearGradient><linearGradient id="h" x1="0" y1="0" x2="0" y2="1"><stop stop-color="${near}"/><stop offset="1" stop-color="${far}"/></linearGradient></defs><rect width="${width}" height="${height}" fill="url(#s)"/>${sun}<path d="${ridge(0.56, 0.18)}" fill="${far}" opacity=".45"/><path d="${ridge(0.68, 0.16)}" fill="url(#h)" opacity=".8"/><path d="${ridge(0.82, 0.14)}" fill="url(#h)"/></svg>`;
  return { type: 'image/svg+xml', bytes: Buffer.from(svg) };
}
