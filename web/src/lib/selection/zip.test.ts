import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { crc32, Zip } from './zip';

test('crc-32 of the usual nine digits', () => {
  const digits = new TextEncoder().encode('123456789');
  expect(crc32(0, digits)).toBe(0xcbf43926);
  expect(crc32(crc32(0, digits.subarray(0, 4)), digits.subarray(4))).toBe(0xcbf43926);
});

test('another program finds every file whole, and equal names apart', async () => {
  const zip = new Zip();
  await zip.add('IMG_1.jpg', new Blob(['first']), new Date(2024, 4, 3, 14, 2, 8));
  await zip.add('img_1.JPG', new Blob(['second']), new Date(1970, 0, 1));
  await zip.add('été/2024.jpg', new Blob([]), new Date(2024, 0, 1));
  const folder = mkdtempSync(join(tmpdir(), 'heirloom-zip-'));
  const path = join(folder, 'a.zip');
  writeFileSync(path, new Uint8Array(await zip.finish().arrayBuffer()));
  const script = 'import json,sys,zipfile; z=zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; print(json.dumps([[i.filename,z.read(i).decode(),list(i.date_time)] for i in z.infolist()]))';
  const listed = JSON.parse(execFileSync('python3', ['-c', script, path], { encoding: 'utf8' }));
  rmSync(folder, { recursive: true });
  expect(listed.map(([name, text]: string[]) => [name, text])).toEqual([['IMG_1.jpg', 'first'], ['img_1_1.JPG', 'second'], ['été_2024.jpg', '']]);
  expect(listed[0][2]).toEqual([2024, 5, 3, 14, 2, 8]);
});
