// Puts several originals into one .zip, stored as they are, without holding their bytes in memory: each part stays a
// Blob, which browsers keep on disk when it is large. Only what a family download needs: no compression, no zip64.

const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c >>> 0;
});

/** CRC-32 as zip files carry it; start with 0 and pass the last result on. */
export function crc32(before: number, bytes: Uint8Array): number {
  let c = ~before >>> 0;
  for (let i = 0; i < bytes.length; i++) c = CRC[(c ^ bytes[i]) & 255] ^ (c >>> 8);
  return ~c >>> 0;
}

/** A zip file holds at most this many bytes here, so that 32-bit offsets are enough. */
export const ZIP_BYTES_MAX = 3_900_000_000;

interface Entry {
  name: Uint8Array<ArrayBuffer>;
  crc: number;
  size: number;
  offset: number;
  stamp: number;
}

export class Zip {
  #parts: BlobPart[] = [];
  #entries: Entry[] = [];
  #offset = 0;
  #names = new Set<string>();

  get bytes(): number {
    return this.#offset;
  }

  /** Adds a file; a name that is taken gets a number, compared without regard to case. */
  async add(name: string, content: Blob, taken: Date): Promise<void> {
    let crc = 0;
    for (const reader = content.stream().getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) break;
      crc = crc32(crc, value);
    }
    const entry = { name: new TextEncoder().encode(this.#freeName(name)), crc, size: content.size, offset: this.#offset, stamp: stampOf(taken) };
    const head = header(0x04034b50, entry, 30);
    this.#entries.push(entry);
    this.#parts.push(head, entry.name, content);
    this.#offset += head.byteLength + entry.name.length + content.size;
  }

  /** The finished file. */
  finish(): Blob {
    const start = this.#offset;
    let length = 0;
    for (const entry of this.#entries) {
      const head = header(0x02014b50, entry, 46);
      this.#parts.push(head, entry.name);
      length += head.byteLength + entry.name.length;
    }
    const end = new DataView(new ArrayBuffer(22));
    end.setUint32(0, 0x06054b50, true);
    end.setUint16(8, this.#entries.length, true);
    end.setUint16(10, this.#entries.length, true);
    end.setUint32(12, length, true);
    end.setUint32(16, start, true);
    return new Blob([...this.#parts, end.buffer], { type: 'application/zip' });
  }

  #freeName(name: string): string {
    const clean = name.replace(/[/\\\0]/g, '_') || 'photo';
    const dot = clean.lastIndexOf('.') > 0 ? clean.lastIndexOf('.') : clean.length;
    let free = clean;
    for (let k = 1; this.#names.has(free.toLowerCase()); k++) free = `${clean.slice(0, dot)}_${k}${clean.slice(dot)}`;
    this.#names.add(free.toLowerCase());
    return free;
  }
}

/** Date and time in the two 16-bit fields of MS-DOS, local time, from 1980 on. */
function stampOf(date: Date): number {
  const year = Math.max(0, Math.min(127, date.getFullYear() - 1980));
  const day = (year << 9) | ((date.getMonth() + 1) << 5) | date.getDate();
  const time = (date.getHours() << 11) | (date.getMinutes() << 5) | (date.getSeconds() >> 1);
  return ((day << 16) | time) >>> 0;
}

/** A local header (30 bytes) or a directory entry (46 bytes); both carry the same fields at different places. */
function header(signature: number, entry: Entry, length: 30 | 46): ArrayBuffer {
  const view = new DataView(new ArrayBuffer(length));
  view.setUint32(0, signature, true);
  let at = 4;
  if (length === 46) {
    view.setUint16(at, 20, true);
    at += 2;
  }
  view.setUint16(at, 20, true);
  view.setUint16(at + 2, 0x0800, true); // names are UTF-8
  view.setUint32(at + 6, entry.stamp, true);
  view.setUint32(at + 10, entry.crc, true);
  view.setUint32(at + 14, entry.size, true);
  view.setUint32(at + 18, entry.size, true);
  view.setUint16(at + 22, entry.name.length, true);
  if (length === 46) view.setUint32(42, entry.offset, true);
  return view.buffer;
}
