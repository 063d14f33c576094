// Where a photo stands in the viewer: how large, and how far from the middle. Pure arithmetic in CSS pixels.

export interface Size {
  width: number;
  height: number;
}

/** `scale` 1 shows the whole photo; `x` and `y` move its middle away from the stage's middle. */
export interface Pose {
  scale: number;
  x: number;
  y: number;
}

export const WHOLE: Pose = { scale: 1, x: 0, y: 0 };
/** Every photo can be looked at this large, small ones too. */
const SCALE_MAX_LEAST = 4;
/** Large photos can be looked at until one of their pixels covers this many of the screen's. */
const PIXELS_MAX = 3;

/** The photo as large as the stage allows; photos smaller than the stage are not blown up beyond `upTo` times. */
export function fit(photo: Size, stage: Size, upTo = 2): Size {
  if (photo.width <= 0 || photo.height <= 0) return { width: 0, height: 0 };
  const scale = Math.min(stage.width / photo.width, stage.height / photo.height, upTo);
  return { width: photo.width * scale, height: photo.height * scale };
}

export function scaleMax(photo: Size, fitted: Size): number {
  return Math.max(SCALE_MAX_LEAST, fitted.width > 0 ? (photo.width / fitted.width) * PIXELS_MAX : 0);
}

/** Keeps the photo on the stage: its edge never comes further in than the stage's, and a small one stays in the middle. */
export function clampPose(pose: Pose, fitted: Size, stage: Size): Pose {
  const reach = (photo: number, room: number) => Math.max(0, (photo * pose.scale - room) / 2);
  const within = (value: number, limit: number) => Math.max(-limit, Math.min(limit, value)) + 0;
  return { scale: pose.scale, x: within(pose.x, reach(fitted.width, stage.width)), y: within(pose.y, reach(fitted.height, stage.height)) };
}

/** Changes the size so that what is at (`x`, `y`) from the stage's middle stays there. */
export function zoomAt(pose: Pose, scale: number, x: number, y: number, max: number): Pose {
  const next = Math.max(1, Math.min(max, scale));
  if (next === 1) return WHOLE;
  const ratio = next / pose.scale;
  return { scale: next, x: x - (x - pose.x) * ratio, y: y - (y - pose.y) * ratio };
}
