import { expect, test } from 'vitest';
import { clampPose, fit, scaleMax, WHOLE, zoomAt } from './zoom';

const stage = { width: 1000, height: 600 };

test('a photo fits the stage by its tighter side and small ones are not blown up without end', () => {
  expect(fit({ width: 4000, height: 3000 }, stage)).toEqual({ width: 800, height: 600 });
  expect(fit({ width: 300, height: 3000 }, stage)).toEqual({ width: 60, height: 600 });
  expect(fit({ width: 100, height: 50 }, stage)).toEqual({ width: 200, height: 100 });
  expect(fit({ width: 0, height: 0 }, stage)).toEqual({ width: 0, height: 0 });
});

test('what is under the pointer stays under it', () => {
  const pose = zoomAt({ scale: 2, x: 30, y: -10 }, 3, 100, 50, 8);
  const before = { x: (100 - 30) / 2, y: (50 + 10) / 2 };
  expect((100 - pose.x) / pose.scale).toBeCloseTo(before.x);
  expect((50 - pose.y) / pose.scale).toBeCloseTo(before.y);
});

test('zooming ends at the whole photo and at the largest size', () => {
  expect(zoomAt({ scale: 2, x: 80, y: 0 }, 0.4, 10, 10, 8)).toEqual(WHOLE);
  expect(zoomAt(WHOLE, 99, 0, 0, 8).scale).toBe(8);
  expect(scaleMax({ width: 8000, height: 6000 }, { width: 800, height: 600 })).toBe(30);
  expect(scaleMax({ width: 100, height: 100 }, { width: 200, height: 200 })).toBe(4);
});

test('a photo cannot be pushed off the stage', () => {
  const fitted = { width: 800, height: 600 };
  expect(clampPose({ scale: 1, x: 300, y: 300 }, fitted, stage)).toEqual(WHOLE);
  expect(clampPose({ scale: 2, x: 900, y: -900 }, fitted, stage)).toEqual({ scale: 2, x: 300, y: -300 });
});
