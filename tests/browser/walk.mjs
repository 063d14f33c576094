// Walks through the page as a family member would: sign in, add photos, look, write, mark, save, sign out.
//   node walk.mjs BASE_URL EMAIL PASSWORD SAMPLE_FOLDER OUT_DIR
// The home at BASE_URL should be fresh. Prints one line a step and the count at the end; pictures go to OUT_DIR.
import { readFileSync } from 'node:fs';
import { assert, DESKTOP, dropFiles, findPhotos, fingers, hugeClaim, launch, PHONE, pinch, swipe, Walk } from './harness.mjs';

const [base, email, password, samples, out] = process.argv.slice(2);
if (!out) {
  console.error('usage: node walk.mjs BASE_URL EMAIL PASSWORD SAMPLE_FOLDER OUT_DIR');
  process.exit(2);
}
const CAPTION = 'First snow behind the orchard';
const walk = new Walk(out);
const photos = findPhotos(samples, 10);
const browser = await launch();
const page = await walk.page(browser, base, DESKTOP);
const cells = page.locator('.cell');
const viewer = page.getByRole('dialog', { name: 'Photo' });
const preview = viewer.locator('.slide[aria-hidden=false] .preview.here').first();
const held = async () => Buffer.from(await (await page.request.get('/api/timeline/all/skeleton')).body()).readUInt32LE(8);
const photoInAddress = () => Number(new URL(page.url()).searchParams.get('photo'));
const pictured = (target) => target.waitForFunction(() => {
  const pictures = [...document.querySelectorAll('.cell img')];
  return pictures.length > 0 && pictures.every((picture) => picture.complete && picture.naturalWidth > 0);
});

async function signIn(target) {
  await target.getByLabel('Email').fill(email);
  await target.getByLabel('Password').fill(password);
  await target.getByRole('button', { name: 'Sign in' }).click();
  await target.getByRole('navigation', { name: 'Main' }).waitFor();
}

await walk.step('the samples hold at least three photos', async () => assert(photos.length >= 3, `${samples} holds ${photos.length}`));

await walk.step('somebody who is not signed in is asked to, and comes back after it', async () => {
  await page.goto('/favourites');
  await page.waitForURL(/\/sign-in\?back=%2Ffavourites/);
  await page.getByRole('heading', { name: 'Heirloom' }).waitFor();
  await walk.shot(page, 'sign-in');
  await walk.accessible(page, 'sign-in');
});

await walk.step('a wrong password is refused in words', async () => {
  await page.getByLabel('Email').fill(email);
  await page.getByLabel('Password').fill(`${password}?`);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('alert').filter({ hasText: 'do not belong together' }).waitFor();
});

await walk.step('the right one leads to the page that was asked for', async () => {
  await signIn(page);
  await page.waitForURL(/\/favourites$/);
});

const before = await walk.step('the timeline, empty or not, is accessible', async () => {
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Photos' }).click();
  const count = await held();
  await (count === 0 ? page.getByText('Add your first photos') : cells.first()).waitFor();
  await walk.shot(page, count === 0 ? 'empty' : 'before');
  await walk.accessible(page, 'timeline before');
  return count;
});

await walk.step('photos added by the chooser and by drag and drop appear by themselves', async () => {
  const shown = await cells.count();
  const chooser = page.waitForEvent('filechooser');
  await page.getByRole('button', { name: 'Add photos' }).first().click();
  await (await chooser).setFiles(photos.slice(0, 2).map((photo) => photo.path));
  await page.getByRole('heading', { name: '2 photos added' }).waitFor();
  await dropFiles(page, photos.slice(2));
  await page.getByRole('heading', { name: `${photos.length} photos added` }).waitFor();
  assert((await held()) === before + photos.length, `home holds ${await held()} photos, not ${before + photos.length}`);
  await page.waitForFunction((n) => document.querySelectorAll('.cell').length >= n, before === 0 ? photos.length : Math.max(1, shown));
});

await walk.step('every one of them gets its picture', async () => {
  await page.waitForFunction((n) => document.querySelectorAll('.cell img.here').length >= n, before === 0 ? photos.length : 1);
  await pictured(page);
  await walk.shot(page, 'added');
  await walk.accessible(page, 'timeline with photos');
});

await walk.step('what is no photo is refused in words, and can be tried again', async () => {
  await dropFiles(page, [{ name: 'letter.jpg', bytes: Buffer.from('Dear Anna, this is no picture.') }]);
  const trouble = page.getByRole('region', { name: 'Adding photos' });
  await trouble.getByText('1 photo could not be added').waitFor();
  await trouble.getByText('letter.jpg', { exact: true }).waitFor();
  await walk.shot(page, 'refused');
  await walk.accessible(page, 'a refused file');
  await trouble.getByRole('button', { name: 'Try again: letter.jpg' }).click();
  await trouble.getByText('1 photo could not be added').waitFor();
  await trouble.getByRole('button', { name: 'Close' }).click();
  assert((await held()) === before + photos.length, 'something was added');
});

await walk.step('adding them again adds nothing and says so', async () => {
  await dropFiles(page, photos.slice(0, 3));
  await page.getByText('3 were here already').waitFor();
  assert((await held()) === before + photos.length, 'a duplicate was added');
  await page.getByRole('button', { name: 'Close' }).click();
});

await walk.step('a click opens a photo', async () => {
  await cells.first().getByRole('link').click();
  await preview.waitFor();
  assert(photoInAddress() > 0, `no photo in ${page.url()}`);
  await walk.shot(page, 'viewer');
  await walk.accessible(page, 'viewer');
});

await walk.step('the arrow keys go on and back', async () => {
  const first = photoInAddress();
  await page.keyboard.press('ArrowRight');
  await page.waitForFunction((id) => new URL(location.href).searchParams.get('photo') !== String(id), first);
  await preview.waitFor();
  await page.keyboard.press('ArrowLeft');
  await page.waitForFunction((id) => new URL(location.href).searchParams.get('photo') === String(id), first);
  await preview.waitFor();
});

await walk.step('plus, minus and zero change the size', async () => {
  const scale = (comparison) => page.waitForFunction((test) => {
    const photo = document.querySelector('.slide[aria-hidden=false] .photo');
    const value = new DOMMatrix(getComputedStyle(photo).transform).a;
    return test === 'whole' ? value === 1 : value > 1.3;
  }, comparison);
  await page.keyboard.press('+');
  await scale('larger');
  await page.keyboard.press('-');
  await scale('whole');
  await page.keyboard.press('+');
  await page.keyboard.press('+');
  await scale('larger');
  await page.keyboard.press('0');
  await scale('whole');
});

await walk.step('the wheel zooms where it points, and dragging moves the photo', async () => {
  const pose = () => page.evaluate(() => {
    const matrix = new DOMMatrix(getComputedStyle(document.querySelector('.slide[aria-hidden=false] .photo')).transform);
    return { scale: matrix.a, x: matrix.e };
  });
  await page.mouse.move(500, 450);
  await page.mouse.wheel(0, -700);
  await page.waitForFunction(() => new DOMMatrix(getComputedStyle(document.querySelector('.slide[aria-hidden=false] .photo')).transform).a > 2);
  const zoomed = await pose();
  await page.mouse.down();
  await page.mouse.move(440, 450, { steps: 4 });
  await page.mouse.up();
  await page.waitForFunction((x) => new DOMMatrix(getComputedStyle(document.querySelector('.slide[aria-hidden=false] .photo')).transform).e !== x, zoomed.x);
  const asset = await (await page.request.get(`/api/assets/${photoInAddress()}`)).json();
  if (Math.max(asset.width, asset.height) > 1920) await viewer.locator('.slide[aria-hidden=false] img[src$="/original"].here').waitFor();
  await page.keyboard.press('0');
  await page.waitForFunction(() => new DOMMatrix(getComputedStyle(document.querySelector('.slide[aria-hidden=false] .photo')).transform).a === 1);
});

await walk.step('i shows what is known of it', async () => {
  await page.keyboard.press('i');
  await viewer.getByText('File', { exact: true }).waitFor();
  await walk.shot(page, 'info');
  await walk.accessible(page, 'information');
});

await walk.step('a caption is saved while it is written', async () => {
  await viewer.getByLabel('Caption').fill(CAPTION);
  await viewer.getByText('Saved', { exact: true }).waitFor();
  await viewer.getByLabel('Caption').press('Escape');
});

const captioned = photoInAddress();
await walk.step('f makes it a favourite', async () => {
  const saved = page.waitForResponse((response) => response.request().method() === 'PUT' && response.url().includes('/api/assets/'));
  await page.keyboard.press('f');
  assert((await saved).ok(), `home answered ${(await saved).status()}`);
  await viewer.getByRole('button', { name: 'Favourite', pressed: true }).waitFor();
});

await walk.step('d saves the original, byte for byte', async () => {
  const download = page.waitForEvent('download');
  await page.keyboard.press('d');
  const file = await download;
  const original = photos.find((photo) => photo.name === file.suggestedFilename());
  assert(original || before > 0, `${file.suggestedFilename()} is none of the photos`);
  const expected = original?.bytes ?? (await (await page.request.get(`/api/assets/${captioned}/original`)).body());
  assert(readFileSync(await file.path()).equals(expected), 'the bytes differ');
});

await walk.step('Escape leads back to the photos', async () => {
  await page.keyboard.press('Escape');
  await viewer.waitFor({ state: 'detached' });
  assert(photoInAddress() === 0, 'the address still names a photo');
});

await walk.step('after a reload, caption and favourite are still there', async () => {
  await page.goto(`/?photo=${captioned}`);
  await preview.waitFor();
  await viewer.getByRole('button', { name: 'Favourite', pressed: true }).waitFor();
  const field = viewer.getByLabel('Caption');
  await field.waitFor();
  assert((await field.inputValue()) === CAPTION, `the caption reads "${await field.inputValue()}"`);
  await page.keyboard.press('i');
  await viewer.locator('.words').filter({ hasText: CAPTION }).waitFor();
  await walk.shot(page, 'viewer-caption');
  await page.keyboard.press('Escape');
  await viewer.waitFor({ state: 'detached' });
});

await walk.step('Favourites shows it', async () => {
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Favourites' }).click();
  await page.waitForURL(/\/favourites$/);
  await page.locator('.cell .heart').first().waitFor();
  await pictured(page);
  await walk.shot(page, 'favourites');
  await walk.accessible(page, 'favourites');
  await page.goBack();
  await cells.first().waitFor();
});

await walk.step('several photos are chosen with the dot and with shift, and marked together', async () => {
  await cells.nth(1).hover();
  await cells.nth(1).getByRole('button').click();
  await cells.nth(2).getByRole('link').click({ modifiers: ['Shift'] });
  await page.getByText('2 chosen').waitFor();
  await walk.shot(page, 'chosen');
  await walk.accessible(page, 'choosing');
  await page.getByRole('toolbar').getByRole('button', { name: 'Favourite' }).click();
  await page.getByText('2 photos in Favourites').waitFor();
  await page.waitForFunction(() => document.querySelectorAll('.cell .heart').length >= 2);
});

await walk.step('several are saved as one file', async () => {
  await cells.nth(1).hover();
  await cells.nth(1).getByRole('button').click();
  await cells.nth(2).getByRole('link').click();
  const download = page.waitForEvent('download');
  await page.getByRole('toolbar').getByRole('button', { name: 'Download' }).click();
  const bytes = readFileSync(await (await download).path());
  assert(bytes.readUInt32LE(0) === 0x04034b50, 'not a zip file');
});

await walk.step('the account menu says what this home holds', async () => {
  await page.getByRole('button', { name: /account|.+/ }).and(page.locator('[aria-haspopup=dialog]')).click();
  await page.getByText('Space they take').waitFor();
  await walk.shot(page, 'account');
  await walk.accessible(page, 'account');
  await page.keyboard.press('Escape');
});

await walk.step('by night, on a desktop', async () => {
  await page.emulateMedia({ colorScheme: 'dark' });
  await walk.accessible(page, 'timeline by night');
  await walk.shot(page, 'timeline-dark');
});

const state = await page.context().storageState();
const phone = await walk.page(browser, base, { ...PHONE, storageState: state });
const phoneViewer = phone.getByRole('dialog', { name: 'Photo' });

await walk.step('the same on a phone, by day and by night', async () => {
  await phone.goto('/');
  await phone.locator('.cell').first().waitFor();
  await pictured(phone);
  await walk.accessible(phone, 'phone');
  await walk.shot(phone, 'phone-light');
  await phone.emulateMedia({ colorScheme: 'dark' });
  await walk.accessible(phone, 'phone by night');
  await walk.shot(phone, 'phone-dark');
});

await walk.step('a tap opens, a swipe goes on, fingers zoom, a pull down closes', async () => {
  await phone.locator('.cell a').first().tap();
  await phoneViewer.locator('.slide[aria-hidden=false] .preview.here').first().waitFor();
  const first = new URL(phone.url()).searchParams.get('photo');
  await swipe(phone, { x: 320, y: 420 }, { x: 60, y: 425 });
  await phone.waitForFunction((id) => new URL(location.href).searchParams.get('photo') !== id, first);
  await phoneViewer.locator('.slide[aria-hidden=false] .preview.here').first().waitFor();
  await walk.shot(phone, 'phone-viewer');
  const awake = phoneViewer.locator('.chrome:not(.hidden)');
  if (!(await awake.count())) await phone.touchscreen.tap(195, 420); // what was not touched for a while has faded
  await awake.waitFor();
  await phoneViewer.getByRole('button', { name: 'Information' }).tap();
  await phoneViewer.getByText('File', { exact: true }).waitFor();
  await walk.shot(phone, 'phone-info');
  await phoneViewer.getByRole('button', { name: 'Close information' }).tap();
  const scaled = (test) => phone.waitForFunction((larger) => {
    const scale = new DOMMatrix(getComputedStyle(document.querySelector('.slide[aria-hidden=false] .photo')).transform).a;
    return larger ? scale > 1.5 : scale === 1;
  }, test);
  await pinch(phone, { x: 195, y: 420 });
  await scaled(true);
  await fingers(phone, [[{ x: 195, y: 420 }], [], [{ x: 195, y: 420 }], []]); // a double tap shows all of it again
  await scaled(false);
  await swipe(phone, { x: 190, y: 300 }, { x: 195, y: 620 });
  await phoneViewer.waitFor({ state: 'detached' });
});

await walk.step('a long press chooses, and dragging on chooses more', async () => {
  const box = await phone.locator('.cell').first().boundingBox();
  const last = await phone.locator('.cell').nth(2).boundingBox();
  const middle = ({ x, y, width, height }) => ({ x: x + width / 2, y: y + height / 2 });
  const client = await phone.context().newCDPSession(phone);
  const touch = (type, ...touchPoints) => client.send('Input.dispatchTouchEvent', { type, touchPoints });
  await touch('touchStart', middle(box));
  await phone.getByText('1 chosen').waitFor();
  await touch('touchMove', middle(last));
  await phone.getByText('3 chosen').waitFor();
  await touch('touchEnd');
  await walk.shot(phone, 'phone-chosen');
  await phone.getByRole('button', { name: 'Choose none' }).tap();
});

await walk.step('a file that no picture can be made of is kept, and said to need attention', async () => {
  await page.emulateMedia({ colorScheme: 'light' });
  await dropFiles(page, [{ name: 'whole-coast.png', bytes: hugeClaim() }]);
  const attention = page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Needs attention' });
  await attention.waitFor();
  await page.locator('.cell.failed').first().getByRole('link').click();
  await viewer.getByText('whole-coast.png', { exact: true }).first().waitFor();
  await walk.shot(page, 'failed-photo');
  await walk.accessible(page, 'a photo without a picture');
  await page.keyboard.press('Escape');
  await viewer.waitFor({ state: 'detached' });
  await page.getByRole('region', { name: 'Adding photos' }).getByRole('button', { name: 'Close' }).click();
  await attention.click();
  await page.getByRole('heading', { name: 'whole-coast.png' }).waitFor();
  await walk.shot(page, 'problems');
  await walk.accessible(page, 'problems');
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Photos' }).click();
  await pictured(page);
});

await walk.step('signing out leads to the sign-in page, and the photos are closed', async () => {
  await page.locator('[aria-haspopup=dialog]').click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.waitForURL(/\/sign-in$/);
  assert((await page.request.get('/api/timeline/all/skeleton')).status() === 401, 'the timeline is still readable');
});

await browser.close();
process.exit(walk.finish());
