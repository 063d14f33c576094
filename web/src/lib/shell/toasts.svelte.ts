// Short words at the foot of the page that leave by themselves.

export interface Toast {
  id: number;
  text: string;
  tone: 'plain' | 'warn';
  action?: { label: string; run: () => void };
}

const SHOWN_MS = 6_000;
const TOASTS_MAX = 3;

class Toasts {
  list = $state.raw<Toast[]>([]);
  #next = 1;
  #timers = new Map<number, number>();

  /** Shows words; returns an id with which they can be changed or taken away. `ms` 0 keeps them. */
  show(text: string, options: { tone?: Toast['tone']; action?: Toast['action']; ms?: number; replace?: number } = {}): number {
    const id = options.replace && this.list.some((toast) => toast.id === options.replace) ? options.replace : this.#next++;
    const toast: Toast = { id, text, tone: options.tone ?? 'plain', action: options.action };
    const others = this.list.filter((other) => other.id !== id);
    this.list = [...others, toast].slice(-TOASTS_MAX);
    clearTimeout(this.#timers.get(id));
    const ms = options.ms ?? SHOWN_MS;
    if (ms > 0) this.#timers.set(id, window.setTimeout(() => this.dismiss(id), ms));
    return id;
  }

  dismiss(id: number): void {
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
    this.list = this.list.filter((toast) => toast.id !== id);
  }
}

export const toasts = new Toasts();
