// Which files go to home and what became of them: three at a time, each tried again when the line breaks, and no more
// kept in memory than a person can look at. Knows nothing of the page or the network; both are given to it.

/** A file that is read only when its turn comes. */
export interface Source {
  name: string;
  open: () => Promise<File>;
}

/** What home said to one file. */
export type Outcome =
  | { kind: 'added' }
  | { kind: 'duplicate' }
  | { kind: 'refused'; reason: string }
  /** Home was not reached or is overloaded: worth another try. */
  | { kind: 'unreached'; reason: string };

export type Send = (file: File, progress: (part: number) => void, signal: AbortSignal) => Promise<Outcome>;

export interface Active {
  key: number;
  name: string;
  /** 0 to 1. */
  part: number;
  /** Set while waiting to try again. */
  waiting: boolean;
}

export interface Failed {
  key: number;
  name: string;
  reason: string;
}

/** A picture of the queue to draw. */
export interface Progress {
  active: Active[];
  failed: Failed[];
  duplicates: string[];
  added: number;
  duplicateCount: number;
  failedCount: number;
  skippedCount: number;
  waiting: number;
  /** True until every source has been read to its end. */
  gathering: boolean;
}

export const ACTIVE_MAX = 3;
/** Files waiting in memory; folders are read on only when there is room again. */
export const WAITING_MAX = 1_000;
/** Rows kept for a person to read; beyond that only counted. */
export const FAILED_MAX = 200;
export const DUPLICATES_MAX = 100;
const RETRY_MS = [1_000, 4_000, 15_000];

export class UploadQueue {
  #waiting: Source[] = [];
  #gathering = 0;
  #room: (() => void)[] = [];
  #active = new Map<number, Active & { source: Source }>();
  #failed = new Map<number, { source: Source; reason: string }>();
  #duplicates: string[] = [];
  #counts = { added: 0, duplicate: 0, failed: 0, skipped: 0 };
  #next = 1;
  #stop = new AbortController();

  constructor(
    private readonly send: Send,
    private readonly changed: () => void,
    private readonly sleep: (ms: number) => Promise<void> = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
  ) {}

  /** Takes files in; a folder is walked only as fast as its files leave. Undefined stands for a file that is no photo. */
  async add(sources: AsyncIterable<Source | undefined> | Iterable<Source | undefined>): Promise<void> {
    this.#gathering++;
    const signal = this.#stop.signal;
    try {
      for await (const source of sources) {
        if (signal.aborted) break;
        if (!source) {
          this.#counts.skipped++;
          continue;
        }
        this.#waiting.push(source);
        this.#pump();
        if (this.#waiting.length >= WAITING_MAX) await new Promise<void>((resolve) => this.#room.push(resolve));
      }
    } finally {
      this.#gathering--;
      this.changed();
    }
  }

  /** Tries files again that failed: all of them, or one. */
  retry(key?: number): void {
    for (const [failedKey, { source }] of [...this.#failed]) {
      if (key !== undefined && key !== failedKey) continue;
      this.#failed.delete(failedKey);
      this.#counts.failed--;
      this.#waiting.push(source);
    }
    this.#pump();
  }

  /** Gives up everything that is not yet at home; what was added stays added. */
  cancel(): void {
    this.#stop.abort();
    this.#stop = new AbortController();
    this.#waiting = [];
    this.#makeRoom();
    this.changed();
  }

  /** Forgets what is over, so that the next files start a new count. */
  clear(): void {
    if (this.busy) return;
    this.#failed.clear();
    this.#duplicates = [];
    this.#counts = { added: 0, duplicate: 0, failed: 0, skipped: 0 };
    this.changed();
  }

  get busy(): boolean {
    return this.#active.size > 0 || this.#waiting.length > 0 || this.#gathering > 0;
  }

  progress(): Progress {
    return {
      active: [...this.#active.values()].map(({ key, name, part, waiting }) => ({ key, name, part, waiting })),
      failed: [...this.#failed].map(([key, { source, reason }]) => ({ key, name: source.name, reason })),
      duplicates: [...this.#duplicates],
      added: this.#counts.added,
      duplicateCount: this.#counts.duplicate,
      failedCount: this.#counts.failed,
      skippedCount: this.#counts.skipped,
      waiting: this.#waiting.length,
      gathering: this.#gathering > 0
    };
  }

  #makeRoom(): void {
    for (const resume of this.#room.splice(0)) resume();
  }

  #pump(): void {
    while (this.#active.size < ACTIVE_MAX) {
      const source = this.#waiting.shift();
      if (!source) break;
      void this.#one(source);
    }
    if (this.#waiting.length < WAITING_MAX / 2) this.#makeRoom();
    this.changed();
  }

  async #one(source: Source): Promise<void> {
    const row = { key: this.#next++, name: source.name, part: 0, waiting: false, source };
    this.#active.set(row.key, row);
    const { signal } = this.#stop;
    const outcome = await this.#attempts(row, signal);
    this.#active.delete(row.key);
    if (!signal.aborted) this.#settle(source, row.key, outcome);
    this.#pump();
  }

  async #attempts(row: Active & { source: Source }, signal: AbortSignal): Promise<Outcome> {
    for (let attempt = 0; ; attempt++) {
      const outcome = await this.#attempt(row, signal);
      if (outcome.kind !== 'unreached' || attempt >= RETRY_MS.length || signal.aborted) return outcome;
      row.waiting = true;
      row.part = 0;
      this.changed();
      await this.sleep(RETRY_MS[attempt]);
      row.waiting = false;
    }
  }

  async #attempt(row: Active & { source: Source }, signal: AbortSignal): Promise<Outcome> {
    let file: File;
    try {
      file = await row.source.open();
    } catch {
      return { kind: 'refused', reason: 'This device could not read the file. Was it moved or deleted?' };
    }
    if (file.size === 0) return { kind: 'refused', reason: 'The file is empty.' };
    const progress = (part: number) => {
      row.part = part;
      this.changed();
    };
    return this.send(file, progress, signal).catch((error: unknown): Outcome => ({ kind: 'unreached', reason: String(error) }));
  }

  #settle(source: Source, key: number, outcome: Outcome): void {
    if (outcome.kind === 'added') this.#counts.added++;
    else if (outcome.kind === 'duplicate') {
      this.#counts.duplicate++;
      if (this.#duplicates.length < DUPLICATES_MAX) this.#duplicates.push(source.name);
    } else {
      this.#counts.failed++;
      if (this.#failed.size < FAILED_MAX) this.#failed.set(key, { source, reason: outcome.reason });
    }
  }
}
