// What the information panel says about a photo, in words; only what is known is said.

import type { Asset, Exif } from '$lib/api/types';
import { formatBytes, formatDate, formatTime } from '$lib/format';

export interface Fact {
  label: string;
  value: string;
  detail?: string;
}

/** Formats that every browser draws by itself. */
const WEB_SAFE = new Set(['image/jpeg', 'image/png', 'image/webp', 'image/gif']);

export function isWebSafe(asset: Asset): boolean {
  return WEB_SAFE.has(asset.originalMimeType);
}

export function factsOf(asset: Asset): Fact[] {
  const exif = asset.exifInfo;
  return [taken(asset, exif), camera(exif), exposure(exif), place(exif), file(asset, exif)].filter((fact) => fact !== undefined);
}

/** Capture time as the wall clock showed it, milliseconds as if UTC. */
export function localMs(asset: Asset): number {
  return Date.parse(asset.localDateTime.replace(/(Z|[+-]\d\d:?\d\d)?$/, 'Z'));
}

function taken(asset: Asset, exif: Exif): Fact {
  const ms = localMs(asset);
  const known = Boolean(exif.dateTimeOriginal);
  const zone = known ? exif.timeZone : undefined;
  const label = known ? 'Taken' : 'File date';
  return { label, value: formatDate(ms), detail: [formatTime(ms), zone?.replace(/^UTC([+-]\d)/, 'UTC $1')].filter(Boolean).join(' · ') };
}

function camera({ make, model, lensModel }: Exif): Fact | undefined {
  const body = model && make && !model.toLowerCase().startsWith(make.toLowerCase().split(' ')[0]) ? `${make} ${model}` : (model ?? make);
  if (!body) return lensModel ? { label: 'Lens', value: lensModel } : undefined;
  return { label: 'Camera', value: body, detail: lensModel ?? undefined };
}

function exposure({ fNumber, exposureTime, iso, focalLength }: Exif): Fact | undefined {
  const words = [
    fNumber ? `ƒ/${+fNumber.toFixed(1)}` : '',
    exposureTime ? `${exposureTime} s` : '',
    focalLength ? `${+focalLength.toFixed(1)} mm` : '',
    iso ? `ISO ${iso}` : ''
  ].filter(Boolean);
  return words.length ? { label: 'Exposure', value: words.join('  ·  ') } : undefined;
}

function place({ city, state, country, latitude, longitude }: Exif): Fact | undefined {
  const named = [city, state, country].filter(Boolean).join(', ');
  const known = latitude != null && longitude != null;
  const point = known ? `${degrees(latitude, 'N', 'S')}, ${degrees(longitude, 'E', 'W')}` : '';
  if (!named && !point) return undefined;
  return named ? { label: 'Place', value: named, detail: point } : { label: 'Place', value: point };
}

function degrees(value: number, positive: string, negative: string): string {
  return `${Math.abs(value).toFixed(4)}° ${value < 0 ? negative : positive}`;
}

function file(asset: Asset, exif: Exif): Fact {
  const width = asset.width ?? exif.exifImageWidth;
  const height = asset.height ?? exif.exifImageHeight;
  const size = exif.fileSizeInByte ? formatBytes(exif.fileSizeInByte) : '';
  const shape = width && height ? `${width} × ${height}` : '';
  const pixels = width && height && width * height >= 1e5 ? `${((width * height) / 1e6).toFixed(1)} MP` : '';
  return { label: 'File', value: asset.originalFileName, detail: [shape, pixels, size].filter(Boolean).join('  ·  ') };
}
