// Choosing by touch: a long press chooses a photo, dragging on from there chooses all between, as on phones.

const PRESS_MS = 380;
/** A finger that has moved further is scrolling. */
const STEADY_PX = 10;
const EDGE_PX = 72;
const EDGE_SPEED = 14;

interface Callbacks {
  /** A long press on photo `index`. */
  press: (index: number) => void;
  /** The finger of a long press has come to photo `index`. */
  drag: (index: number) => void;
}

/** Attaches to the scrolling element; photos carry `data-index`. Returns what detaches it. */
export function touchSelect(scroller: HTMLElement, { press, drag }: Callbacks): () => void {
  let timer = 0;
  let start: { x: number; y: number } | undefined;
  let point = { x: 0, y: 0 };
  let dragging = false;
  let swallow = false;
  let last = -1;
  let frame = 0;

  const indexAt = (x: number, y: number): number => {
    const cell = document.elementFromPoint(x, y)?.closest<HTMLElement>('[data-index]');
    return cell && scroller.contains(cell) ? Number(cell.dataset.index) : -1;
  };
  const visit = () => {
    const index = indexAt(point.x, point.y);
    if (index >= 0 && index !== last) drag((last = index));
  };
  const creep = () => {
    frame = 0;
    if (!dragging) return;
    const { top, bottom } = scroller.getBoundingClientRect();
    const over = point.y < top + EDGE_PX ? point.y - top - EDGE_PX : point.y > bottom - EDGE_PX ? point.y - bottom + EDGE_PX : 0;
    if (over) {
      scroller.scrollTop += (over / EDGE_PX) * EDGE_SPEED;
      visit();
    }
    frame = requestAnimationFrame(creep);
  };
  const down = (event: PointerEvent) => {
    if (event.pointerType === 'mouse' || !event.isPrimary) return;
    start = point = { x: event.clientX, y: event.clientY };
    clearTimeout(timer);
    timer = window.setTimeout(() => {
      const index = start ? indexAt(start.x, start.y) : -1;
      if (index < 0) return;
      dragging = swallow = true;
      press((last = index));
      navigator.vibrate?.(10);
      frame = requestAnimationFrame(creep);
    }, PRESS_MS);
  };
  const move = (event: TouchEvent) => {
    const touch = event.touches[0];
    point = { x: touch.clientX, y: touch.clientY };
    if (dragging) {
      event.preventDefault(); // the finger chooses now, it doesn't scroll
      visit();
    } else if (start && Math.hypot(point.x - start.x, point.y - start.y) > STEADY_PX) clearTimeout(timer);
  };
  const end = () => {
    clearTimeout(timer);
    cancelAnimationFrame(frame);
    dragging = false;
    start = undefined;
    setTimeout(() => (swallow = false), 50);
  };
  const menu = (event: Event) => {
    if (start || swallow) event.preventDefault();
  };
  const click = (event: Event) => {
    if (!swallow) return; // the click that follows a long press is not a tap
    event.preventDefault();
    event.stopPropagation();
  };
  scroller.addEventListener('pointerdown', down);
  scroller.addEventListener('touchmove', move, { passive: false });
  for (const name of ['touchend', 'touchcancel']) scroller.addEventListener(name, end);
  scroller.addEventListener('contextmenu', menu);
  scroller.addEventListener('click', click, { capture: true });
  return () => {
    end();
    scroller.removeEventListener('pointerdown', down);
    scroller.removeEventListener('touchmove', move);
    for (const name of ['touchend', 'touchcancel']) scroller.removeEventListener(name, end);
    scroller.removeEventListener('contextmenu', menu);
    scroller.removeEventListener('click', click, { capture: true });
  };
}
