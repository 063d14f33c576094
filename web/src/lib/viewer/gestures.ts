// Fingers, mouse and wheel on the viewer's stage, told apart: pinch, pan, swipe sideways, pull down, tap, double tap.

export interface GestureTarget {
  /** True while the photo is larger than the stage, so that one finger moves it. */
  zoomed: () => boolean;
  pan: (dx: number, dy: number) => void;
  /** `factor` on the present size, around a point measured from the stage's middle. */
  zoomBy: (factor: number, x: number, y: number) => void;
  /** The photo follows the finger: sideways to the next photo, or down to close. */
  follow: (axis: 'x' | 'y', distance: number) => void;
  /** The finger left; speed in pixels a millisecond. */
  release: (axis: 'x' | 'y', distance: number, speed: number) => void;
  tap: (pointer: string) => void;
  doubleTap: (x: number, y: number) => void;
  /** A pinch or pan has ended. */
  settle: () => void;
}

const STEADY_PX = 8;
const DOUBLE_MS = 280;
const WHEEL_STEP = 0.0022;
/** A trackpad's pinch arrives as a wheel with the control key and small steps. */
const PINCH_STEP = 0.01;

interface Finger {
  x: number;
  y: number;
}

/** Attaches to the stage; returns what detaches it. */
export function watchGestures(stage: HTMLElement, target: GestureTarget): () => void {
  const fingers = new Map<number, Finger>();
  let start = { x: 0, y: 0, ms: 0 };
  let mode: 'none' | 'undecided' | 'pan' | 'x' | 'y' | 'pinch' = 'none';
  let moved = { x: 0, y: 0 };
  let speed = 0;
  let lastMs = 0;
  let tapTimer = 0;

  const fromMiddle = (x: number, y: number) => {
    const box = stage.getBoundingClientRect();
    return { x: x - box.left - box.width / 2, y: y - box.top - box.height / 2 };
  };
  const spread = () => {
    const [a, b] = [...fingers.values()];
    return { distance: Math.hypot(a.x - b.x, a.y - b.y), x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
  };

  const down = (event: PointerEvent) => {
    if (event.button !== 0) return;
    stage.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (fingers.size === 1) {
      start = { x: event.clientX, y: event.clientY, ms: event.timeStamp };
      moved = { x: 0, y: 0 };
      speed = 0;
      lastMs = event.timeStamp;
      mode = 'undecided';
    } else if (fingers.size === 2) {
      if (mode === 'x' || mode === 'y') target.release(mode, 0, 0);
      mode = 'pinch';
    }
  };

  const move = (event: PointerEvent) => {
    const finger = fingers.get(event.pointerId);
    if (!finger) return;
    if (mode === 'pinch') return pinch(event, finger);
    const dx = event.clientX - finger.x;
    const dy = event.clientY - finger.y;
    finger.x = event.clientX;
    finger.y = event.clientY;
    moved = { x: event.clientX - start.x, y: event.clientY - start.y };
    if (mode === 'undecided' && Math.hypot(moved.x, moved.y) > STEADY_PX) mode = decide(event.pointerType);
    if (mode === 'pan') target.pan(dx, dy);
    if (mode !== 'x' && mode !== 'y') return;
    const step = mode === 'x' ? dx : dy;
    speed = 0.6 * speed + 0.4 * (step / Math.max(1, event.timeStamp - lastMs));
    lastMs = event.timeStamp;
    target.follow(mode, moved[mode]);
  };

  const decide = (pointer: string) => {
    if (target.zoomed()) return 'pan';
    if (pointer === 'mouse') return 'none';
    return Math.abs(moved.x) >= Math.abs(moved.y) ? 'x' : 'y';
  };

  const pinch = (event: PointerEvent, finger: Finger) => {
    if (fingers.size < 2) return;
    const before = spread();
    finger.x = event.clientX;
    finger.y = event.clientY;
    const now = spread();
    const middle = fromMiddle(now.x, now.y);
    if (before.distance > 0) target.zoomBy(now.distance / before.distance, middle.x, middle.y);
    target.pan(now.x - before.x, now.y - before.y);
  };

  const up = (event: PointerEvent) => {
    if (!fingers.delete(event.pointerId)) return;
    if (mode === 'pinch') {
      target.settle();
      mode = fingers.size === 1 ? 'pan' : 'none';
      return;
    }
    if (mode === 'pan') target.settle();
    if (mode === 'x' || mode === 'y') target.release(mode, moved[mode], event.type === 'pointercancel' ? 0 : speed);
    if (mode === 'undecided' && event.type === 'pointerup') tapped(event);
    mode = 'none';
  };

  const tapped = (event: PointerEvent) => {
    if (tapTimer) {
      clearTimeout(tapTimer);
      tapTimer = 0;
      const middle = fromMiddle(event.clientX, event.clientY);
      return target.doubleTap(middle.x, middle.y);
    }
    tapTimer = window.setTimeout(() => {
      tapTimer = 0;
      target.tap(event.pointerType);
    }, DOUBLE_MS);
  };

  const wheel = (event: WheelEvent) => {
    event.preventDefault();
    const middle = fromMiddle(event.clientX, event.clientY);
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 30 : 1;
    target.zoomBy(Math.exp(-event.deltaY * lines * (event.ctrlKey ? PINCH_STEP : WHEEL_STEP)), middle.x, middle.y);
    target.settle();
  };

  // All of a finger's way is ours: otherwise browsers see a fling in it and swallow the next tap.
  const keep = (event: TouchEvent) => event.preventDefault();

  stage.addEventListener('touchmove', keep, { passive: false });
  stage.addEventListener('pointerdown', down);
  stage.addEventListener('pointermove', move);
  stage.addEventListener('pointerup', up);
  stage.addEventListener('pointercancel', up);
  stage.addEventListener('wheel', wheel, { passive: false });
  return () => {
    clearTimeout(tapTimer);
    stage.removeEventListener('touchmove', keep);
    stage.removeEventListener('pointerdown', down);
    stage.removeEventListener('pointermove', move);
    stage.removeEventListener('pointerup', up);
    stage.removeEventListener('pointercancel', up);
    stage.removeEventListener('wheel', wheel);
  };
}
