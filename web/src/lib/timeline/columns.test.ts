import { readFileSync, readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ColumnsError, decodeColumns } from './columns';

const folder = new URL('../../../../docs/formats/vectors/timeline/', import.meta.url);

for (const name of readdirSync(folder).filter((file) => file.startsWith('columns-'))) {
  const { wire, photos, reject } = JSON.parse(readFileSync(new URL(name, folder), 'utf8'));
  if (reject) {
    test(`${name} is refused: ${reject}`, () => expect(() => decodeColumns(wire)).toThrow(ColumnsError));
    continue;
  }
  test(`${name} is read as written down`, () => {
    const got = decodeColumns(wire);
    const plain = Array.from({ length: got.count }, (_, i) => ({ id: got.id[i], at: got.at[i], flags: got.flags[i], duration: got.duration[i], v: got.version[i] }));
    expect(plain).toEqual(photos.map(({ id, at, flags, duration, v }: Record<string, number>) => ({ id, at, flags, duration, v })));
  });
}
