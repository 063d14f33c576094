import { expect, test } from 'vitest';
import type { Asset } from '$lib/api/types';
import { factsOf, localMs } from './facts';

const plain: Asset = { id: 'a', originalFileName: 'IMG_1.JPG', localDateTime: '2024-05-03T14:02:00.000Z', fileCreatedAt: '', createdAt: '', isFavorite: false };

test('only what is known is said', () => {
  expect(factsOf(plain).map((fact) => fact.label)).toEqual(['Taken', 'File']);
  expect(factsOf({ ...plain, exifInfo: { dateTimeOriginal: null } })[0].label).toBe('File date');
});

test('camera names are not doubled', () => {
  const camera = (make: string | null, model: string | null) => factsOf({ ...plain, exifInfo: { make, model } }).find((fact) => fact.label === 'Camera')?.value;
  expect(camera('Canon', 'Canon EOS R6')).toBe('Canon EOS R6');
  expect(camera('NIKON CORPORATION', 'NIKON Z 6')).toBe('NIKON Z 6');
  expect(camera('FUJIFILM', 'X-T4')).toBe('FUJIFILM X-T4');
  expect(camera(null, null)).toBeUndefined();
});

test('places on the equator and the zero meridian are places', () => {
  expect(factsOf({ ...plain, exifInfo: { latitude: 0, longitude: 0 } })[1].value).toBe('0.0000° N, 0.0000° E');
  expect(factsOf({ ...plain, exifInfo: { latitude: -33.8688, longitude: 151.2093 } })[1].value).toBe('33.8688° S, 151.2093° E');
});

test('the wall clock of the place is shown, whatever zone the reader is in', () => {
  expect(localMs(plain)).toBe(Date.UTC(2024, 4, 3, 14, 2));
  expect(localMs({ ...plain, localDateTime: '2024-05-03T14:02:00' })).toBe(Date.UTC(2024, 4, 3, 14, 2));
});
