// Keeps the last skeleton of each view on this device, so that a second visit paints before home has answered.

const DATABASE = 'heirloom';
const STORE = 'skeletons';

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error);
  });
}

async function run<T>(mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const database = await open();
  try {
    return await new Promise((resolve, reject) => {
      const asked = work(database.transaction(STORE, mode).objectStore(STORE));
      asked.onsuccess = () => resolve(asked.result);
      asked.onerror = () => reject(asked.error);
    });
  } finally {
    database.close();
  }
}

/** The bytes kept under `key`. A device that keeps nothing (private windows) is no error. */
export async function recall(key: string): Promise<ArrayBuffer | undefined> {
  return run<ArrayBuffer | undefined>('readonly', (store) => store.get(key)).catch(() => undefined);
}

export async function keep(key: string, bytes: ArrayBuffer): Promise<void> {
  await run('readwrite', (store) => store.put(bytes, key)).catch(() => undefined);
}

/** Leaves no trace of the photos on this device; part of signing out. */
export async function forgetAll(): Promise<void> {
  await run('readwrite', (store) => store.clear()).catch(() => undefined);
}
