// A scroll box of fixed height over a timeline of any height. Engines cap the height of a box (16 to 33 million pixels),
// so the box covers a stretch of at most BOX_MAX pixels and is moved along when the reader nears its edge.

/** Below every engine's cap, far above what a hand scrolls before resting. */
export const BOX_MAX = 4_000_000;
/** Pixels in one frame above which pictures wait and only colours are drawn. */
const FAST_PX = 500;
const REST_MS = 120;
/** The line of years stays at hand this long after the last movement. */
const AWAKE_MS = 1_500;

export class ScrollBox {
  /** Where the box begins in the timeline. */
  base = $state(0);
  /** How far the box is scrolled. */
  offset = $state(0);
  viewport = $state(0);
  fast = $state(false);
  /** True from the first movement until a while after the last. */
  awake = $state(false);
  element: HTMLElement | undefined;
  #frame = 0;
  #rest = 0;
  #sleep = 0;

  /** `height`: of everything to scroll over, in pixels. */
  constructor(readonly height: () => number) {}

  get top(): number {
    return this.base + this.offset;
  }

  get boxHeight(): number {
    return Math.min(BOX_MAX, this.height());
  }

  get topMax(): number {
    return Math.max(0, this.height() - this.viewport);
  }

  /** Call on every scroll event. */
  scrolled = (): void => {
    if (!this.#frame) this.#frame = requestAnimationFrame(this.#measure);
    clearTimeout(this.#rest);
    this.#rest = window.setTimeout(this.#rested, REST_MS);
  };

  #measure = (): void => {
    this.#frame = 0;
    if (!this.element) return;
    const moved = Math.abs(this.element.scrollTop - this.offset);
    this.offset = this.element.scrollTop;
    if (moved > 1) this.#wake();
    if (moved > FAST_PX) this.fast = true;
    else if (moved < FAST_PX / 2) this.fast = false;
    this.#reanchor();
  };

  #rested = (): void => {
    this.fast = false;
  };

  #wake(): void {
    this.awake = true;
    clearTimeout(this.#sleep);
    this.#sleep = window.setTimeout(() => (this.awake = false), AWAKE_MS);
  }

  #reanchor(): void {
    const nearTop = this.offset < BOX_MAX * 0.1 && this.base > 0;
    const nearEnd = this.offset > BOX_MAX * 0.9 && this.base < this.height() - BOX_MAX;
    if (nearTop || nearEnd) this.goTo(this.top);
  }

  /** Scrolls so that `y` of the timeline is at the top of the view. */
  goTo(y: number): void {
    if (!this.element) return;
    const height = this.height();
    const top = Math.max(0, Math.min(y, this.topMax));
    this.base = height <= BOX_MAX ? 0 : Math.max(0, Math.min(top - BOX_MAX / 2, height - BOX_MAX));
    this.offset = top - this.base;
    // The box must have its new height before it can be scrolled there; the page would set it a moment later.
    const box = this.element.firstElementChild;
    if (box instanceof HTMLElement) box.style.height = `${this.boxHeight}px`;
    this.element.scrollTop = this.offset;
  }
}
