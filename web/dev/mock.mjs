// A stand-in for a home, for work on the page alone: the built page, the API of docs/formats/timeline.md and made-up photos.
//   npm run mock -- [--port 4790] [--photos 800] [--samples FOLDER] [--problems] [--trickle SECONDS] [--slow MS]
//                   [--alone] [--pace MS] [--life SECONDS] [--vault SCENE] [--setup fresh|code|restoring|asking|choosing]
// Sign in with anna@example.org and "heirloom". Nothing is kept. There are three other homes and five albums, none with
// --alone. An invited home comes after --pace milliseconds (0: when told to); with --life the other homes do something
// every so often. `POST /api/mock/WHAT` makes one thing happen: guest, toggle, comment, like, add, caption, progress, end.
// `--vault` shows a state of the copies (the scenes of mock/vault.mjs), `--setup` a computer without a home;
// `POST /api/mock/vault-SCENE` and `POST /api/mock/stage-STAGE` change them, and nobody else needs to be signed in for that.
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Albums } from './mock/albums.mjs';
import { Family } from './mock/family.mjs';
import { Library } from './mock/library.mjs';
import { parseMultipart } from './mock/multipart.mjs';
import { scene } from './mock/scene.mjs';
import { Setup } from './mock/setup.mjs';
import { encodeColumns, encodeSkeleton } from './mock/timeline.mjs';
import { Vault } from './mock/vault.mjs';

const { values: options } = parseArgs({
  options: {
    port: { type: 'string', default: '4790' }, photos: { type: 'string', default: '800' }, samples: { type: 'string' },
    problems: { type: 'boolean', default: false }, trickle: { type: 'string' }, slow: { type: 'string', default: '0' },
    alone: { type: 'boolean', default: false }, pace: { type: 'string', default: '6000' }, life: { type: 'string' },
    vault: { type: 'string', default: 'safe' }, setup: { type: 'string' }
  }
});
const build = fileURLToPath(new URL('../build/', import.meta.url));
const account = { id: randomUUID(), email: 'anna@example.org', name: 'Anna', isAdmin: true };
const library = new Library({ photos: Number(options.photos), samples: options.samples, owner: account.id });
const sessions = new Set();
const listeners = new Set();
let failed = options.problems ? library.problems() : [];

const news = (event, data) => listeners.forEach((response) => response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`));
const changed = (months) => news('timeline', { rev: library.rev, months });
const family = new Family({ account, news, pace: Number(options.pace), alone: options.alone });
const albums = new Albums({ family, library, account, news, samples: options.samples, empty: options.alone });
const vault = new Vault({ family, library, news, scene: options.alone ? 'off' : options.vault });
const setup = new Setup({ state: options.setup, pace: Number(options.pace), vault });
const HAPPENINGS = ['comment', 'progress', 'like', 'add', 'caption', 'progress'];
let happened = 0;
if (options.life) setInterval(() => albums.happens(HAPPENINGS[happened++ % HAPPENINGS.length]), Number(options.life) * 1000).unref();
setInterval(() => listeners.forEach((response) => response.write(': ping\n\n')), 15_000).unref();
if (options.trickle) setInterval(() => changed([library.addMade(Date.now()).month]), Number(options.trickle) * 1000).unref();

const json = (response, status, value) => {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
};
const refuse = (response, status, message, hint) => json(response, status, { message, hint });

async function body(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const TYPES = { html: 'text/html; charset=utf-8', js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml', png: 'image/png', woff2: 'font/woff2', json: 'application/json', webmanifest: 'application/manifest+json', txt: 'text/plain' };
function page(request, response, path) {
  const file = build + path.slice(1);
  const found = path !== '/' && !path.includes('..') && existsSync(file) && statSync(file).isFile() ? file : build + 'index.html';
  if (!existsSync(found)) return refuse(response, 503, 'The page is not built.', 'Run npm run build, or npm run dev beside this.');
  const brotli = /\bbr\b/.test(request.headers['accept-encoding'] ?? '') && existsSync(found + '.br');
  response.writeHead(200, {
    'content-type': TYPES[found.split('.').pop()] ?? 'application/octet-stream',
    'cache-control': path.startsWith('/_app/immutable/') ? 'public, max-age=31536000, immutable' : 'no-cache',
    ...(brotli ? { 'content-encoding': 'br' } : {})
  });
  response.end(readFileSync(brotli ? found + '.br' : found));
}

const signedIn = (request) => sessions.has(/immich_access_token=([\w-]+)/.exec(request.headers.cookie ?? '')?.[1]);

async function login(request, response) {
  const { email, password } = JSON.parse(await body(request));
  if (email !== account.email || password !== 'heirloom') return refuse(response, 401, 'Incorrect email or password');
  const token = randomUUID();
  sessions.add(token);
  response.setHeader('set-cookie', `immich_access_token=${token}; Path=/; HttpOnly; SameSite=Lax; Max-Age=34560000`);
  json(response, 201, { accessToken: token, userId: account.id, userEmail: email, name: account.name });
}

async function upload(request, response) {
  const fields = parseMultipart(await body(request), request.headers['content-type']);
  const { filename, content, type } = fields.assetData;
  if (!/^(image|video)\//.test(type)) return refuse(response, 400, 'This file holds no photo that Heirloom knows.', 'Add JPEG, PNG, WebP, GIF or HEIC files.');
  const hash = createHash('sha1').update(content).digest('hex');
  const known = library.byHash.get(hash);
  if (known) return json(response, 200, { id: known.uuid, status: 'duplicate' });
  const photo = library.addUpload({ filename, content, type, hash, modifiedMs: Date.parse(fields.fileModifiedAt) });
  json(response, 201, { id: photo.uuid, status: 'created' });
  changed([photo.month]);
  setTimeout(() => {
    library.finish(photo);
    changed([photo.month]);
  }, 700);
}

function picture(response, photo, size) {
  if (!photo || photo.flags & (32 | 64)) return refuse(response, 404, 'Not made yet.');
  const { type, bytes } = photo.content ? { type: photo.type, bytes: photo.content } : scene(photo, { preview: 900, original: 1800 }[size] ?? 250);
  response.writeHead(200, { 'content-type': type, 'cache-control': 'private, max-age=31536000, immutable' });
  response.end(bytes);
}

function original(response, photo) {
  const { type, bytes } = photo.content ? { type: photo.type, bytes: photo.content } : scene(photo, 1800);
  response.writeHead(200, { 'content-type': type, 'content-disposition': `attachment; filename="${photo.name}"`, 'content-length': bytes.length });
  response.end(bytes);
}

async function change(request, response, photos, answer) {
  const wanted = JSON.parse(await body(request));
  const months = new Set(photos(wanted).map((photo) => library.change(photo, wanted)));
  answer(response, photos(wanted));
  changed([...months]);
  for (const photo of photos(wanted)) news('asset', { id: photo.uuid, local: photo.id });
}

function timeline(request, response, url, [view, kind, name]) {
  const list = library.view(view);
  if (kind === 'skeleton') {
    const bytes = encodeSkeleton(library, list, url.searchParams.get('since'));
    response.writeHead(200, { 'content-type': 'application/octet-stream', etag: `"${library.rev}"`, 'cache-control': 'private, no-cache' });
    return response.end(bytes);
  }
  const [month, part = '0'] = name.split('.');
  const columns = encodeColumns(library, list, month, Number(part));
  return columns ? json(response, 200, columns) : refuse(response, 404, 'No photos in this month.');
}

async function apiCall(request, response, url) {
  const path = url.pathname.slice(4);
  const at = `${request.method} ${path}`;
  const call = {
    at, path, url, body: async () => JSON.parse(await body(request)), json: (status, value) => (status === 204 ? response.writeHead(204).end() : json(response, status, value)), refuse: (...words) => refuse(response, ...words),
    picture: (photo, size) => picture(response, photo, size), code: request.headers['x-setup-code']
  };
  const shown = /^\/mock\/(vault|stage)-(\w+)$/.exec(path);
  if (shown) {
    if (shown[1] === 'vault') vault.show(shown[2]);
    else Object.assign(setup, { state: 'restoring', held: shown[2] === 'failed' ? 'tables' : shown[2], failed: shown[2] === 'failed' ? 'Nonna Rosa’s home stopped answering, and no other home could be reached.' : undefined });
    return response.writeHead(204).end();
  }
  if ((await setup.answer(call)) !== false) return;
  if (!setup.open) return refuse(response, 404, 'There is no home on this computer yet.');
  if (at === 'POST /auth/login') return login(request, response);
  if (!signedIn(request)) return refuse(response, 401, 'Sign in first.');
  if (at === 'POST /auth/logout') {
    response.setHeader('set-cookie', 'immich_access_token=; Path=/; Max-Age=0');
    return json(response, 200, { successful: true, redirectUri: '/sign-in' });
  }
  if (at === 'GET /users/me') return json(response, 200, account);
  if (at === 'GET /server/media-types') return json(response, 200, { image: ['.jpg', '.jpeg', '.png', '.webp', '.gif', '.heic', '.svg'], video: [], sidecar: ['.xmp'] });
  if (at === 'GET /status') return json(response, 200, { household: 'a'.repeat(64), name: 'Orchard House', version: '0.1.0', assets: library.photos.length, bytes: library.photos.length * 4_800_000, accounts: 1, jobs: { waiting: 0, running: 0, failed: failed.length }, peers: [], vault: { complete_homes: 0 } });
  if (at === 'GET /problems') return json(response, 200, failed);
  if (at === 'POST /assets') return upload(request, response);
  if (at === 'PUT /assets') return change(request, response, ({ ids }) => ids.map((id) => library.find(id)).filter(Boolean), (r) => r.writeHead(204).end());
  if (path === '/events') {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
    response.write(': hello\n\n');
    listeners.add(response);
    return request.on('close', () => listeners.delete(response));
  }
  const retry = /^\/problems\/([^/]+)\/retry$/.exec(path);
  if (retry) {
    failed = failed.filter((problem) => String(problem.id) !== retry[1]);
    return response.writeHead(204).end();
  }
  const told = /^\/mock\/(\w+)$/.exec(path);
  if (told) {
    if (told[1] === 'guest') family.guestComes();
    else if (told[1] === 'toggle') family.toggle();
    else albums.happens(told[1]);
    return response.writeHead(204).end();
  }
  if (/^\/vault\//.test(path + '/')) return (await vault.answer(call)) === false && refuse(response, 404, 'There is nothing here.');
  if (/^\/(households|peers)\//.test(path + '/')) return (await family.answer(call)) === false && refuse(response, 404, 'There is nothing here.');
  if (/^\/(albums|activities)\//.test(path + '/')) return (await albums.answer(call)) === false && refuse(response, 404, 'There is nothing here.');
  const grid = /^\/timeline\/(all|favourites)\/(skeleton|columns)(?:\/(.+))?$/.exec(path);
  if (grid) return timeline(request, response, url, grid.slice(1));
  const one = /^\/assets\/([\w-]+)(?:\/(thumbnail|original))?$/.exec(path);
  const photo = one && (library.find(one[1]) ?? albums.picture(one[1])?.photo);
  if (!photo) return refuse(response, 404, 'There is nothing here.');
  if (one[2] === 'thumbnail') return picture(response, photo, url.searchParams.get('size'));
  if (one[2] === 'original') return original(response, photo);
  if (request.method === 'PUT') return change(request, response, () => [photo], (r, [changedPhoto]) => json(r, 200, library.answer(changedPhoto)));
  return json(response, 200, library.answer(photo));
}

createServer((request, response) => {
  const url = new URL(request.url, 'http://home');
  const answer = () => (url.pathname.startsWith('/api/') ? apiCall(request, response, url) : page(request, response, url.pathname));
  Promise.resolve(Number(options.slow) && url.pathname.startsWith('/api/') ? new Promise((resolve) => setTimeout(resolve, Number(options.slow))) : 0)
    .then(answer)
    .catch((error) => {
      console.error(error);
      if (!response.headersSent) refuse(response, 500, 'The mock failed.', String(error));
    });
}).listen(Number(options.port), '127.0.0.1', () => console.log(`http://127.0.0.1:${options.port}  ${account.email} / heirloom  ${library.photos.length} photos`));
