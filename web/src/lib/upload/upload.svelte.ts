// The page's one upload queue, drawn at most once a frame.

import { api } from '$lib/api/client';
import { fromChooser, fromDrop } from './files';
import { UploadQueue, type Progress } from './queue';
import { send } from './send';

/** Used until home has said what it takes. */
const USUAL_ENDINGS = ['.jpg', '.jpeg', '.png', '.webp', '.gif', '.heic', '.heif'];

class Uploads {
  progress = $state.raw<Progress>();
  #endings: ReadonlySet<string> = new Set(USUAL_ENDINGS);
  #frame = 0;
  #queue = new UploadQueue(send, () => (this.#frame ||= requestAnimationFrame(this.#draw)));

  #draw = () => {
    this.#frame = 0;
    const progress = this.#queue.progress();
    const empty = !this.#queue.busy && progress.added + progress.duplicateCount + progress.failedCount + progress.skippedCount === 0;
    this.progress = empty ? undefined : progress;
  };

  get busy(): boolean {
    return this.#queue.busy;
  }

  async learnEndings(): Promise<void> {
    const types = await api.mediaTypes().catch(() => undefined);
    if (types) this.#endings = new Set([...types.image, ...types.video].map((ending) => ending.toLowerCase()));
  }

  /** For the chooser's `accept`. */
  get accept(): string {
    return ['image/*', ...this.#endings].join(',');
  }

  choose(files: Iterable<File>): void {
    void this.#queue.add(fromChooser(files, this.#endings));
  }

  drop(data: DataTransfer): void {
    void this.#queue.add(fromDrop(data, this.#endings));
  }

  retry = (key?: number) => this.#queue.retry(key);
  cancel = () => this.#queue.cancel();
  clear = () => this.#queue.clear();
}

export const uploads = new Uploads();
