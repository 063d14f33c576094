// The mock's photos, in memory: made-up ones over twenty years, real ones from a folder, and what is uploaded.
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { colourOf, random } from './scene.mjs';

const RATIOS = [4 / 3, 3 / 4, 3 / 2, 4 / 3, 16 / 9, 9 / 16, 1, 3 / 2, 2 / 3, 2.4];
const CAMERAS = [['Canon', 'Canon EOS R6', 'RF24-105mm F4 L IS USM'], ['Apple', 'iPhone 15 Pro', 'iPhone 15 Pro back triple camera 6.86mm f/1.78'], ['FUJIFILM', 'X-T4', 'XF35mmF2 R WR']];
const NEWEST = Date.UTC(2026, 10, 20, 18, 40);
const MIME = { jpg: 'image/jpeg', jpeg: 'image/jpeg', png: 'image/png', webp: 'image/webp', gif: 'image/gif' };

/** Width over height of a JPEG or PNG, 4:3 for all else. */
export function ratioOf(bytes) {
  if (bytes.readUInt32BE(0) === 0x89504e47) return bytes.readUInt32BE(16) / bytes.readUInt32BE(20);
  for (let at = 2; bytes[0] === 0xff && bytes[1] === 0xd8 && at + 9 < bytes.length && bytes[at] === 0xff; at += 2 + bytes.readUInt16BE(at + 2)) {
    const kind = bytes[at + 1];
    if (kind >= 0xc0 && kind <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(kind)) return bytes.readUInt16BE(at + 7) / bytes.readUInt16BE(at + 5);
  }
  return 4 / 3;
}

export class Library {
  constructor({ photos, samples, owner }) {
    Object.assign(this, { owner, photos: [], byHash: new Map(), byId: new Map(), revs: new Map(), rev: 1, nextId: 1 });
    const next = random(7);
    let time = NEWEST;
    const step = Math.min(86_400_000 * 3, (20 * 365 * 86_400_000) / Math.max(1, photos));
    for (let i = 0; i < photos; i++) {
      time -= next() < 0.75 ? next() * step * 0.15 : next() * step * 6;
      this.#add({ localMs: Math.floor(time / 1000) * 1000 });
    }
    for (const photo of this.photos) photo.id = this.nextId++;
    this.#index();
    if (samples) for (const name of readdirSync(samples).filter((file) => MIME[file.split('.').pop().toLowerCase()])) {
      const content = readFileSync(join(samples, name));
      this.finish(this.addUpload({ filename: name, content, type: MIME[name.split('.').pop().toLowerCase()], hash: name, modifiedMs: NEWEST + this.photos.length * 60_000 }));
    }
    this.rev = 1;
    for (const key of this.revs.keys()) this.revs.set(key, 1);
  }

  #add(fields) {
    const seed = this.photos.length + 1;
    const localMs = fields.localMs;
    const date = new Date(localMs);
    const photo = {
      id: 0, uuid: randomUUID(), seed, ratio: RATIOS[Math.floor(random(seed + 9999)() * RATIOS.length)], colour: colourOf(seed), flags: seed % 37 === 0 ? 4 : 0, version: 1,
      name: `IMG_${String(seed).padStart(4, '0')}.JPG`, caption: '', day: date.getUTCDate(), month: date.toISOString().slice(0, 7), ...fields
    };
    this.photos.push(photo);
    this.revs.set(photo.month, this.rev);
    return photo;
  }

  #index() {
    for (const photo of this.photos) this.byId.set(String(photo.id), photo).set(photo.uuid, photo);
  }

  /** Puts a photo where it belongs in the order and gives it an id. */
  #insert(fields) {
    this.rev++;
    const photo = this.#add({ ...fields, id: this.nextId++ });
    this.byId.set(String(photo.id), photo).set(photo.uuid, photo);
    this.photos.sort((a, b) => b.localMs - a.localMs || b.id - a.id);
    return photo;
  }

  addMade(localMs) {
    return this.#insert({ localMs });
  }

  addUpload({ filename, content, type, hash, modifiedMs }) {
    const photo = this.#insert({ localMs: modifiedMs || Date.now(), name: filename, content, type, ratio: ratioOf(content), flags: 64, version: 0, colour: 0x9cb2 });
    this.byHash.set(hash, photo);
    return photo;
  }

  /** Its picture is made. */
  finish(photo) {
    this.#touch(photo, { flags: photo.flags & ~64, version: photo.version + 1 });
  }

  #touch(photo, fields) {
    Object.assign(photo, fields);
    this.rev++;
    this.revs.set(photo.month, this.rev);
    return photo.month;
  }

  change(photo, { isFavorite, description }) {
    let flags = photo.flags;
    if (isFavorite !== undefined) flags = isFavorite ? flags | 4 : flags & ~4;
    if (description !== undefined) flags = description ? flags | 16 : flags & ~16;
    return this.#touch(photo, { flags, caption: description ?? photo.caption });
  }

  find(id) {
    return this.byId.get(String(id));
  }

  view(name) {
    return name === 'favourites' ? this.photos.filter((photo) => photo.flags & 4) : this.photos;
  }

  answer(photo) {
    const [make, model, lensModel] = CAMERAS[photo.seed % CAMERAS.length];
    const height = photo.ratio >= 1 ? 3000 : Math.round(3000 / photo.ratio);
    const width = photo.ratio >= 1 ? Math.round(3000 * photo.ratio) : 3000;
    const at = new Date(photo.localMs).toISOString();
    return {
      id: photo.uuid, ownerId: this.owner, type: 'IMAGE', originalFileName: photo.name, originalMimeType: photo.type ?? 'image/jpeg', localDateTime: at, fileCreatedAt: at, createdAt: at,
      isFavorite: (photo.flags & 4) !== 0, width, height,
      exifInfo: {
        description: photo.caption, dateTimeOriginal: at, timeZone: 'UTC+2', latitude: 43.7696, longitude: 11.2558, make, model, lensModel, fNumber: 2.8, focalLength: 35, iso: 200, exposureTime: '1/250',
        fileSizeInByte: photo.content?.length ?? 4_812_345, exifImageWidth: width, exifImageHeight: height
      }
    };
  }

  problems() {
    const at_ms = NEWEST;
    return [
      { id: 'a', kind: 'truncated', name: 'IMG_2231.JPG', reason: 'The file ends in the middle of the picture.', advice: 'Copy it again from the camera or phone, then add it once more.', at_ms },
      { id: 'b', kind: 'too_large', name: 'panorama-whole-coast.png', reason: 'The picture has 412 megapixels; up to 200 are read.', advice: 'The file itself is kept. Save a smaller copy to see it here.', at_ms }
    ];
  }
}
