import { expect, test } from 'vitest';
import type { Asset, Exif } from '$lib/api/types';
import { factsOf, localMs } from './facts';

/** A photo of which nothing is known but its file, and what `exif` adds. */
function photo(exif: Partial<Exif> = {}): Asset {
  const at = '2024-05-03T14:02:00.000Z';
  return {
    id: 'a', ownerId: 'o', type: 'IMAGE', originalPath: 'p', originalFileName: 'IMG_1.JPG', originalMimeType: 'image/jpeg', checksum: 'c', fileCreatedAt: at, fileModifiedAt: at,
    localDateTime: at, createdAt: at, updatedAt: at, isFavorite: false, isArchived: false, isTrashed: false, isOffline: false, isEdited: false, visibility: 'timeline', hasMetadata: true,
    people: [], tags: [], exifInfo: { modifyDate: at, description: '', fileSizeInByte: 0, orientation: '1', ...exif }
  };
}

test('only what is known is said', () => {
  expect(factsOf(photo()).map((fact) => fact.label)).toEqual(['File date', 'File']);
  expect(factsOf(photo({ dateTimeOriginal: '2024-05-03T14:02:00.000Z' }))[0].label).toBe('Taken');
});

test('camera names are not doubled', () => {
  const camera = (make: string | null, model: string | null) => factsOf(photo({ make, model })).find((fact) => fact.label === 'Camera')?.value;
  expect(camera('Canon', 'Canon EOS R6')).toBe('Canon EOS R6');
  expect(camera('NIKON CORPORATION', 'NIKON Z 6')).toBe('NIKON Z 6');
  expect(camera('FUJIFILM', 'X-T4')).toBe('FUJIFILM X-T4');
  expect(camera(null, null)).toBeUndefined();
});

test('places on the equator and the zero meridian are places', () => {
  expect(factsOf(photo({ latitude: 0, longitude: 0 }))[1].value).toBe('0.0000° N, 0.0000° E');
  expect(factsOf(photo({ latitude: -33.8688, longitude: 151.2093 }))[1].value).toBe('33.8688° S, 151.2093° E');
});

test('the wall clock of the place is shown, whatever zone the reader is in', () => {
  expect(localMs(photo())).toBe(Date.UTC(2024, 4, 3, 14, 2));
  expect(localMs({ ...photo(), localDateTime: '2024-05-03T14:02:00' })).toBe(Date.UTC(2024, 4, 3, 14, 2));
});
