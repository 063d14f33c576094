/** Calls `work` a little later, once for all calls until then. */
export function soon(work: () => void, pauseMs: number): { ask: () => void; stop: () => void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  return {
    ask: () => {
      timer ??= setTimeout(() => {
        timer = undefined;
        work();
      }, pauseMs);
    },
    stop: () => {
      clearTimeout(timer);
      timer = undefined;
    }
  };
}
