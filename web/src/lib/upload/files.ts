// Where files come from: a chooser, or things dropped on the page, folders and their folders included.

import type { Source } from './queue';

/** Files that systems leave in folders and nobody means to add. */
const SYSTEM_FILE = /^(\.|Thumbs\.db$|desktop\.ini$|ehthumbs\.db$|Icon\r$)/i;

/** Tells whether a file may be a photo, by its ending (lower case, with the dot) or the type that the device knows. */
export function isMedia(name: string, type: string, endings: ReadonlySet<string>): boolean {
  const dot = name.lastIndexOf('.');
  const ending = dot > 0 ? name.slice(dot).toLowerCase() : '';
  return endings.has(ending) || /^(image|video)\//.test(type);
}

/** Files of a chooser; undefined for each one that is no photo. */
export function* fromChooser(files: Iterable<File>, endings: ReadonlySet<string>): Generator<Source | undefined> {
  for (const file of files) {
    if (SYSTEM_FILE.test(file.name)) continue;
    yield isMedia(file.name, file.type, endings) ? { name: file.name, open: async () => file } : undefined;
  }
}

/** What was dropped; must be called while the drop event is handled, because browsers forget the list afterwards. */
export function fromDrop(data: DataTransfer, endings: ReadonlySet<string>): AsyncIterable<Source | undefined> {
  const entries = [...data.items].filter((item) => item.kind === 'file').map((item) => item.webkitGetAsEntry());
  const files = [...data.files];
  return entries.some((entry) => entry !== null) ? walkAll(entries, endings) : chosen(files, endings);
}

async function* chosen(files: File[], endings: ReadonlySet<string>) {
  yield* fromChooser(files, endings);
}

async function* walkAll(entries: (FileSystemEntry | null)[], endings: ReadonlySet<string>): AsyncGenerator<Source | undefined> {
  for (const entry of entries) if (entry) yield* walk(entry, endings);
}

async function* walk(entry: FileSystemEntry, endings: ReadonlySet<string>): AsyncGenerator<Source | undefined> {
  if (SYSTEM_FILE.test(entry.name)) return;
  if (entry.isFile) {
    const open = () => new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    yield isMedia(entry.name, '', endings) ? { name: entry.name, open } : undefined;
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    // A reader hands out a hundred or so at a time, and an empty list at the end.
    const some = await new Promise<FileSystemEntry[]>((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (some.length === 0) return;
    for (const child of some) yield* walk(child, endings);
  }
}
