import { expect, test, vi } from 'vitest';
import { ACTIVE_MAX, FAILED_MAX, UploadQueue, WAITING_MAX, type Outcome, type Send, type Source } from './queue';

const source = (name: string, content = 'x'): Source => ({ name, open: async () => new File([content], name) });
const now = async () => {};
const idle = (queue: UploadQueue) => vi.waitUntil(() => !queue.busy, { timeout: 5_000, interval: 2 });

test('three at a time, and each file ends up counted once', async () => {
  let running = 0;
  let most = 0;
  const answers: Outcome[] = [{ kind: 'added' }, { kind: 'duplicate' }, { kind: 'refused', reason: 'Not a photo.' }];
  const send: Send = async (file, progress) => {
    most = Math.max(most, ++running);
    progress(0.5);
    await new Promise((resolve) => setTimeout(resolve, 1));
    running--;
    return answers[Number(file.name) % 3];
  };
  const queue = new UploadQueue(send, () => {}, now);
  await queue.add(Array.from({ length: 30 }, (_, i) => source(String(i))));
  await idle(queue);
  const end = queue.progress();
  expect(most).toBe(ACTIVE_MAX);
  expect([end.added, end.duplicateCount, end.failedCount]).toEqual([10, 10, 10]);
  expect(end.duplicates).toContain('1');
  expect(end.failed[0]).toMatchObject({ name: '2', reason: 'Not a photo.' });
});

test('a broken line is tried again, a refusal is not', async () => {
  const calls: string[] = [];
  const send: Send = async (file) => {
    calls.push(file.name);
    if (file.name === 'no') return { kind: 'refused', reason: 'no' };
    return calls.filter((name) => name === file.name).length < 3 ? { kind: 'unreached', reason: 'away' } : { kind: 'added' };
  };
  const queue = new UploadQueue(send, () => {}, now);
  await queue.add([source('line'), source('no')]);
  await idle(queue);
  expect(calls.filter((name) => name === 'line')).toHaveLength(3);
  expect(calls.filter((name) => name === 'no')).toHaveLength(1);
  expect(queue.progress()).toMatchObject({ added: 1, failedCount: 1 });
});

test('a send that throws counts as a broken line and ends after the last try', async () => {
  const send = vi.fn<Send>(async () => Promise.reject(new Error('boom')));
  const queue = new UploadQueue(send, () => {}, now);
  await queue.add([source('a')]);
  await idle(queue);
  expect(send).toHaveBeenCalledTimes(4);
  expect(queue.progress().failedCount).toBe(1);
});

test('failed files can be tried again, one or all', async () => {
  let up = false;
  const queue = new UploadQueue(async () => (up ? { kind: 'added' } : { kind: 'refused', reason: 'full' }), () => {}, now);
  await queue.add([source('a'), source('b'), source('c')]);
  await idle(queue);
  up = true;
  queue.retry(queue.progress().failed[0].key);
  await idle(queue);
  expect(queue.progress()).toMatchObject({ added: 1, failedCount: 2 });
  queue.retry();
  await idle(queue);
  expect(queue.progress()).toMatchObject({ added: 3, failedCount: 0, failed: [] });
});

test('empty and unreadable files are refused without troubling home', async () => {
  const send = vi.fn<Send>(async () => ({ kind: 'added' }));
  const queue = new UploadQueue(send, () => {}, now);
  await queue.add([source('empty', ''), { name: 'gone', open: () => Promise.reject(new Error('gone')) }, undefined]);
  await idle(queue);
  expect(send).not.toHaveBeenCalled();
  expect(queue.progress()).toMatchObject({ failedCount: 2, skippedCount: 1 });
});

test('a folder of many thousands is walked only as fast as it leaves, and its rows are bounded', async () => {
  let produced = 0;
  let sent = 0;
  let ahead = 0;
  async function* folder() {
    for (let i = 0; i < 20_000; i++) {
      produced++;
      ahead = Math.max(ahead, produced - sent);
      yield source(String(i));
    }
  }
  const send: Send = async () => {
    sent++;
    return { kind: 'refused', reason: 'no room' };
  };
  const queue = new UploadQueue(send, () => {}, now);
  await queue.add(folder());
  await idle(queue);
  expect(ahead).toBeLessThanOrEqual(WAITING_MAX + ACTIVE_MAX + 1);
  expect(queue.progress().failedCount).toBe(20_000);
  expect(queue.progress().failed).toHaveLength(FAILED_MAX);
});

test('cancelling leaves nothing waiting and counts nothing more', async () => {
  const send: Send = (_, __, signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve({ kind: 'unreached', reason: 'stopped' })));
  const queue = new UploadQueue(send, () => {}, now);
  await queue.add(Array.from({ length: 50 }, (_, i) => source(String(i))));
  queue.cancel();
  await idle(queue);
  expect(queue.progress()).toMatchObject({ waiting: 0, active: [], failedCount: 0, added: 0 });
  queue.clear();
});
