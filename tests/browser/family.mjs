// Two homes, two pages, as two families would use them: invite, compare words, share an album, add and comment in both,
// end the sharing, remove the home.
//   node family.mjs EMAIL ANNA_URL ANNA_PASSWORD NONNA_URL NONNA_PASSWORD SAMPLE_FOLDER OUT_DIR
// Both homes should be fresh. Prints one line a step and the count at the end; pictures go to OUT_DIR.
import { assert, DESKTOP, dropFiles, findPhotos, launch, PHONE, Walk } from './harness.mjs';

const [email, annaUrl, annaPassword, nonnaUrl, nonnaPassword, samples, out] = process.argv.slice(2);
if (!out) {
  console.error('usage: node family.mjs EMAIL ANNA_URL ANNA_PASSWORD NONNA_URL NONNA_PASSWORD SAMPLE_FOLDER OUT_DIR');
  process.exit(2);
}
const COMMENT = 'How big they have grown!';
const walk = new Walk(out);
// Camera JPEGs that every home can show, told apart by size.
const photos = findPhotos(samples, 60).filter((photo) => /\.jpe?g$/i.test(photo.name) && photo.size > 300_000).slice(0, 7);
const browser = await launch();
const anna = await walk.page(browser, annaUrl, DESKTOP);
const nonna = await walk.page(browser, nonnaUrl, { ...PHONE, colorScheme: 'dark' });
walk.pages = [anna, nonna];

async function signIn(page, password) {
  await page.goto('/');
  await page.getByLabel('Email').fill(email);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('navigation', { name: 'Main' }).waitFor();
}
const go = (page, name) => page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name }).click();
const dialog = (page, name) => page.getByRole('dialog', { name });
const pictured = (page, count) => page.waitForFunction((n) => {
  const pictures = [...document.querySelectorAll('main img')].filter((picture) => picture.complete && picture.naturalWidth > 0);
  return pictures.length >= n;
}, count);
/** A picture of both pages, in light and in dark. */
async function both(name) {
  for (const [page, who] of [[anna, 'anna'], [nonna, 'nonna']]) {
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      await walk.shot(page, `${name}-${who}-${colorScheme}`);
    }
  }
}

await walk.step('the samples hold seven photos', async () => assert(photos.length === 7, `${samples} holds ${photos.length}`));

await walk.step('both families sign in, and nobody is connected yet', async () => {
  await signIn(anna, annaPassword);
  await signIn(nonna, nonnaPassword);
  for (const page of [anna, nonna]) {
    await go(page, 'Family');
    await page.getByText('Connect your home with the home of somebody you love').waitFor();
    await walk.accessible(page, 'family, empty');
  }
  await both('family-empty');
});

const link = await walk.step('Anna invites a home and gets a link and a code', async () => {
  await anna.getByRole('button', { name: 'Invite a home' }).click();
  const field = dialog(anna, 'Invite a home').getByLabel('The link');
  await field.waitFor();
  await walk.shot(anna, 'invite');
  await walk.accessible(anna, 'invite');
  return field.inputValue();
});

await walk.step('half a link is refused in words', async () => {
  await nonna.getByRole('button', { name: 'I have an invitation' }).click();
  await dialog(nonna, 'I have an invitation').getByLabel('The link').fill(link.slice(0, 40));
  await nonna.getByRole('button', { name: 'Open the invitation' }).click();
  await nonna.getByRole('alert').waitFor();
});

await walk.step('Nonna opens it, and both pages show the same six words', async () => {
  await dialog(nonna, 'I have an invitation').getByLabel('The link').fill(link);
  await nonna.getByRole('button', { name: 'Open the invitation' }).click();
  const words = async (page) => {
    const box = dialog(page, 'Compare six words');
    await box.waitFor();
    return (await box.getByRole('listitem').allInnerTexts()).map((word) => word.replace(/[^a-z]/g, ''));
  };
  const [hers, mine] = [await words(nonna), await words(anna)];
  assert(mine.length === 6 && mine.join() === hers.join(), `${mine} is not ${hers}`);
  await both('words');
  await walk.accessible(anna, 'compare words');
  await walk.accessible(nonna, 'compare words, guest');
});

await walk.step('Anna says yes and gives the home a name', async () => {
  const box = dialog(anna, 'Compare six words');
  await box.getByRole('button', { name: 'Yes, the same six words' }).click();
  await box.getByLabel('What do you call this home?').fill('Nonna');
  await box.getByRole('button', { name: 'Connect the homes' }).click();
  await dialog(anna, 'Connected').getByRole('button', { name: 'Done' }).click();
  await dialog(nonna, 'Connected').getByRole('button', { name: 'Done' }).click();
  await anna.getByRole('heading', { name: 'Nonna', exact: true }).waitFor();
  await nonna.getByRole('heading', { name: 'Anna’s home' }).or(nonna.getByRole('heading', { name: "Anna's home" })).first().waitFor();
  await anna.getByText(/directly/i).first().waitFor();
  await both('family');
  await walk.accessible(anna, 'family');
});

await walk.step('Anna makes an album of photos that she adds', async () => {
  await go(anna, 'Photos');
  await anna.getByText('Add your first photos').or(anna.locator('.cell').first()).first().waitFor();
  await dropFiles(anna, photos.slice(0, 6));
  await anna.getByRole('heading', { name: '6 photos added' }).waitFor();
  await anna.waitForFunction(() => document.querySelectorAll('.cell img.here').length >= 6);
  await anna.getByRole('button', { name: 'Close' }).first().click();
  await go(anna, 'Albums');
  await anna.getByRole('button', { name: 'Make an album' }).click();
  await dialog(anna, 'New album').getByLabel('Title').fill('Summer by the lake');
  await anna.getByRole('button', { name: 'Make the album' }).click();
  await anna.getByRole('button', { name: 'Choose photos' }).first().click();
  const picker = anna.locator('dialog[open]');
  await picker.locator('.cell').nth(5).waitFor();
  for (let index = 0; index < 6; index++) await picker.locator('.cell').nth(index).click();
  await anna.getByRole('button', { name: 'Add 6 photos' }).click();
  await pictured(anna, 6);
  await walk.accessible(anna, 'album');
});

await walk.step('and shares it with Nonna, who may add', async () => {
  await anna.getByRole('button', { name: 'Share', exact: true }).click();
  await anna.getByRole('button', { name: /^Share… *with Nonna/ }).click();
  await anna.getByRole('radio', { name: /may add/i }).check();
  await walk.shot(anna, 'share');
  await walk.accessible(anna, 'share');
  await dialog(anna, /Share/).getByRole('button', { name: 'Share', exact: true }).click();
  await dialog(anna, /Share/).getByText('Nonna').first().waitFor();
  await anna.keyboard.press('Escape');
});

await walk.step('the album and its pictures appear in Nonna’s page by themselves', async () => {
  await go(nonna, 'Albums');
  await nonna.getByRole('link', { name: /Summer by the lake/ }).click();
  await pictured(nonna, 6);
  await both('album');
  await walk.accessible(nonna, 'album, the other home');
});

await walk.step('Nonna comments, and Anna reads it without reloading', async () => {
  await nonna.locator('.cell a').first().click();
  await nonna.getByRole('button', { name: /^Comments/ }).click();
  await nonna.getByLabel('Write a comment').fill(COMMENT);
  await nonna.getByRole('button', { name: 'Send' }).click();
  await nonna.getByText(COMMENT).waitFor();
  await walk.shot(nonna, 'comment-nonna');
  await anna.getByText(/wrote a comment/).first().waitFor();
  await walk.shot(anna, 'comment-anna');
});

await walk.step('Nonna adds a photo of hers, and Anna sees whose it is', async () => {
  await nonna.goto('/');
  await nonna.getByText('Add your first photos').or(nonna.locator('.cell').first()).first().waitFor();
  await dropFiles(nonna, photos.slice(6, 7));
  await nonna.getByRole('heading', { name: '1 photo added' }).waitFor();
  await nonna.waitForFunction(() => document.querySelectorAll('.cell img.here').length >= 1);
  await nonna.getByRole('button', { name: 'Close' }).first().click();
  await go(nonna, 'Albums');
  await nonna.getByRole('link', { name: /Summer by the lake/ }).click();
  await nonna.getByRole('button', { name: 'Choose photos' }).first().click();
  const picker = nonna.locator('dialog[open]');
  await picker.locator('.cell').first().waitFor();
  await picker.locator('.cell').first().click();
  await nonna.getByRole('button', { name: 'Add 1 photo' }).click();
  await anna.getByTitle(/^From /).first().waitFor();
  await pictured(anna, 7);
  await both('album-of-both');
});

await walk.step('Anna ends the sharing, and Nonna’s page says so and keeps what it had', async () => {
  await anna.getByRole('button', { name: 'Sharing' }).click();
  await anna.getByRole('button', { name: /^Remove *Nonna/ }).click();
  await walk.shot(anna, 'remove-from-album');
  await anna.getByRole('button', { name: 'Remove from this album' }).click();
  await anna.keyboard.press('Escape');
  await nonna.getByText(/ended/i).first().waitFor();
  await pictured(nonna, 7);
  await both('ended');
  await walk.accessible(nonna, 'ended album');
});

await walk.step('Anna removes the home, and it is gone from both families', async () => {
  await go(anna, 'Family');
  await anna.getByRole('button', { name: /^Nonna: / }).click();
  await anna.getByRole('button', { name: /^Remove/ }).last().click();
  await walk.shot(anna, 'remove-home');
  await anna.getByRole('button', { name: 'Remove this home' }).click();
  await anna.getByText('Connect your home with the home of somebody you love').waitFor();
  await go(nonna, 'Family');
  await nonna.getByText(/no longer connected|off/i).first().waitFor();
  await both('gone');
});

await browser.close();
process.exit(walk.finish());
