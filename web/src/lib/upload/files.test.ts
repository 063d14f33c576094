import { expect, test } from 'vitest';
import { fromChooser, fromDrop, isMedia } from './files';

const endings = new Set(['.jpg', '.heic']);

test('photos are told by their ending or their type', () => {
  expect(isMedia('IMG.JPG', '', endings)).toBe(true);
  expect(isMedia('no ending', 'image/jpeg', endings)).toBe(true);
  expect(isMedia('notes.txt', 'text/plain', endings)).toBe(false);
  expect(isMedia('.jpg', '', endings)).toBe(false);
});

test('system files leave without a word, other files are counted as left out', () => {
  const files = ['a.jpg', '.DS_Store', 'Thumbs.db', 'b.txt'].map((name) => new File(['x'], name));
  expect([...fromChooser(files, endings)].map((source) => source?.name)).toEqual(['a.jpg', undefined]);
});

const fileEntry = (name: string) => ({ name, isFile: true, isDirectory: false, file: (ok: (file: File) => void) => ok(new File(['x'], name)) });
const folderEntry = (name: string, children: object[]) => ({
  name, isFile: false, isDirectory: true,
  createReader: () => {
    const batches = [children.slice(0, 2), children.slice(2), []];
    return { readEntries: (ok: (entries: object[]) => void) => ok(batches.shift() ?? []) };
  }
});

test('dropped folders are walked to their depths', async () => {
  const tree = folderEntry('holiday', [fileEntry('1.jpg'), folderEntry('.trash', [fileEntry('x.jpg')]), folderEntry('day 2', [fileEntry('2.heic')]), fileEntry('readme.md')]);
  const data = { items: [{ kind: 'string' }, { kind: 'file', webkitGetAsEntry: () => tree }], files: [] } as unknown as DataTransfer;
  const names: (string | undefined)[] = [];
  for await (const source of fromDrop(data, endings)) names.push(source?.name);
  expect(names).toEqual(['1.jpg', '2.heic', undefined]);
});

test('a browser without folder entries still hands over plain files', async () => {
  const data = { items: [{ kind: 'file', webkitGetAsEntry: () => null }], files: [new File(['x'], 'p.jpg')] } as unknown as DataTransfer;
  const names: (string | undefined)[] = [];
  for await (const source of fromDrop(data, endings)) names.push(source?.name);
  expect(names).toEqual(['p.jpg']);
});
