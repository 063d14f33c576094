// Copies in another home, and a house that burns down: ask and agree, see what is safe, check the phrase, and bring
// everything back on a new computer from the first-run page.
//   node vault.mjs EMAIL ANNA_URL ANNA_PASSWORD NONNA_URL NONNA_PASSWORD NEW_URL KIT_URL PHRASE_FILE SAMPLE_FOLDER OUT_DIR
// Anna's and Nonna's homes are paired and hold nothing; at NEW_URL and KIT_URL a node without a home serves its first-run
// page: one is restored to with the phrase, one with a recovery kit (kits.mjs).
// Prints one line a step and the count at the end; pictures go to OUT_DIR.
import { readFileSync } from 'node:fs';
import { assert, DESKTOP, dropFiles, findPhotos, launch, PHONE, Walk } from './harness.mjs';
import { keepKits, restoreWithKit } from './kits.mjs';

const [email, annaUrl, annaPassword, nonnaUrl, nonnaPassword, newUrl, kitUrl, phraseFile, samples, out] = process.argv.slice(2);
if (!out) {
  console.error('usage: node vault.mjs EMAIL ANNA_URL ANNA_PASSWORD NONNA_URL NONNA_PASSWORD NEW_URL KIT_URL PHRASE_FILE SAMPLE_FOLDER OUT_DIR');
  process.exit(2);
}
const words = readFileSync(phraseFile, 'utf8').toLowerCase().match(/[a-z]+/g).slice(-24);
const walk = new Walk(out);
const photos = findPhotos(samples, 60).filter((photo) => /\.jpe?g$/i.test(photo.name) && photo.size > 100_000).slice(0, 8);
const browser = await launch();
const anna = await walk.page(browser, annaUrl, DESKTOP);
const nonna = await walk.page(browser, nonnaUrl, { ...PHONE, colorScheme: 'dark' });
const fresh = await walk.page(browser, newUrl, PHONE);
const kitless = await walk.page(browser, kitUrl, PHONE);
walk.pages = [anna, nonna, fresh, kitless];

async function signIn(page, password) {
  await page.getByLabel('Email').fill(email);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('navigation', { name: 'Main' }).waitFor();
}
const go = (page, name) => page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name }).click();
const dialog = (page, name) => page.getByRole('dialog', { name });
/** Pictures of a page: as it is and at the other width, in light and in dark. */
async function shots(page, name) {
  const size = page.viewportSize();
  for (const viewport of [DESKTOP.viewport, PHONE.viewport]) {
    await page.setViewportSize(viewport);
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      await walk.shot(page, `${name}-${viewport.width}-${colorScheme}`);
    }
  }
  await page.setViewportSize(size);
}
async function typePhrase(page, typed) {
  const fields = page.getByRole('combobox');
  for (const [at, word] of typed.entries()) await fields.nth(at).fill(word);
}

await walk.step('both families sign in; nothing is safe yet, and the page says what to do', async () => {
  await anna.goto('/');
  await signIn(anna, annaPassword);
  await nonna.goto('/');
  await signIn(nonna, nonnaPassword);
  await go(anna, 'Safety');
  await anna.getByRole('heading', { name: 'Safety' }).waitFor();
  await anna.getByRole('heading', { level: 2 }).first().waitFor();
  await walk.accessible(anna, 'safety, nothing yet');
  await shots(anna, 'safety-off');
});

await walk.step('Anna adds photos', async () => {
  await go(anna, 'Photos');
  await anna.getByText('Add your first photos').or(anna.locator('.cell').first()).first().waitFor();
  await dropFiles(anna, photos);
  await anna.getByRole('heading', { name: `${photos.length} photos added` }).waitFor();
  await anna.waitForFunction((count) => document.querySelectorAll('.cell img.here').length >= count, photos.length);
  await anna.getByRole('button', { name: 'Close' }).first().click();
});

await walk.step('Anna asks Nonna to keep copies', async () => {
  await go(anna, 'Family');
  await anna.getByRole('button', { name: /Ask to keep copies/ }).click();
  await anna.getByRole('button', { name: 'Ask to keep copies…' }).last().click().catch(() => {});
  await anna.getByRole('button', { name: /^Ask Nonna/ }).click();
  await anna.getByText(/has been asked|You asked/).first().waitFor();
});

await walk.step('Nonna sees it without reloading, and agrees', async () => {
  await go(nonna, 'Family');
  await nonna.getByRole('button', { name: /Copies|Keep copies|Choose how much/ }).first().click();
  const choose = nonna.getByRole('button', { name: 'Choose how much…' });
  if (await choose.isVisible().catch(() => false)) await choose.click();
  await nonna.getByRole('dialog', { name: /^Keep copies for/ }).waitFor();
  await walk.accessible(nonna, 'keep copies');
  await walk.shot(nonna, 'keep-copies');
  await nonna.getByRole('button', { name: /^Keep copies for/ }).last().click();
  await nonna.getByText(/You keep/).first().waitFor();
});

await walk.step('the copies are made and proven by themselves, and Safety says so', async () => {
  await go(anna, 'Safety');
  await anna.getByText(new RegExp(`${photos.length} photos|all (the )?photos|one other home|1 other home`, 'i')).first().waitFor();
  await anna.waitForFunction(async () => {
    const status = await fetch('/api/vault').then((answer) => answer.json());
    return status.completeHomes === 1 && status.pending.photos === 0;
  }, undefined, { timeout: 60_000, polling: 500 });
  await walk.accessible(anna, 'safety, one home');
  await shots(anna, 'safety-one-home');
  await go(nonna, 'Safety');
  await nonna.getByRole('heading', { name: 'What this home keeps for others' }).waitFor();
  await walk.accessible(nonna, 'safety, the keeper');
  await shots(nonna, 'safety-keeper');
});

await walk.step('the sheet is checked: a wrong word is named, the right words are right', async () => {
  await anna.getByRole('button', { name: 'Check our words' }).click();
  const box = dialog(anna, 'Check the recovery phrase');
  const other = words[3] === 'abandon' ? 'zoo' : 'abandon';
  await typePhrase(anna, words.with(3, other));
  await walk.accessible(anna, 'the phrase');
  const ask = box.getByRole('button', { name: 'Are these right?' });
  await ask.click();
  await box.getByText(/word 4/i).first().waitFor();
  await walk.shot(anna, 'phrase-wrong');
  await anna.keyboard.press('Escape');
  await box.getByText('forget the words that you typed?').waitFor();
  await walk.accessible(anna, 'the phrase, leaving');
  await anna.keyboard.press('Escape');
  await box.getByRole('button', { name: 'Go on typing' }).click();
  assert((await anna.getByRole('combobox').nth(5).inputValue()) === words[5], 'Escape loses no words');
  await typePhrase(anna, words);
  await ask.click();
  await dialog(anna, 'These are your words').getByRole('button', { name: 'Done' }).click();
});

const papers = await keepKits({ walk, page: anna, typePhrase, words, shots });

async function invitation() {
  await go(nonna, 'Family');
  await nonna.getByRole('button', { name: 'Invite a home' }).click();
  const field = dialog(nonna, 'Invite a home').getByLabel('The link');
  await field.waitFor();
  return field.inputValue();
}
const link = await walk.step('Nonna gives the new computer a link', invitation);

await walk.step('a computer without a home shows two ways', async () => {
  await fresh.goto('/');
  await fresh.getByRole('button', { name: /Make our home/ }).waitFor();
  await walk.accessible(fresh, 'first run');
  await shots(fresh, 'first-run');
  await fresh.getByRole('button', { name: /Make our home/ }).click();
  await walk.accessible(fresh, 'make a home');
  await shots(fresh, 'make-home');
  await fresh.getByRole('button', { name: /Back/ }).first().click();
});

await walk.step('the 24 words and the link bring everything back', async () => {
  await fresh.getByRole('button', { name: /I have a recovery phrase/ }).click();
  await typePhrase(fresh, words);
  await fresh.getByText('All 24 words fit together.').waitFor();
  await walk.accessible(fresh, 'restore, the words');
  await shots(fresh, 'restore-words');
  await fresh.getByRole('button', { name: 'Go on' }).click();
  await fresh.getByLabel('The link').fill(link);
  await walk.accessible(fresh, 'restore, the link');
  await shots(fresh, 'restore-link');
  await fresh.getByText('More', { exact: true }).click();
  await fresh.getByLabel('Address of the relay').fill('relay.example.org');
  await walk.accessible(fresh, 'restore, a relay');
  await shots(fresh, 'restore-relay');
  await fresh.getByRole('button', { name: 'Bring everything back' }).click();
  await fresh.getByRole('alert').getByText(/begins with https/).waitFor();
  await fresh.getByLabel('Address of the relay').fill('');
  await fresh.getByRole('button', { name: 'Bring everything back' }).click();
  await fresh.getByRole('heading', { name: /coming back|is back/ }).waitFor();
  await walk.shot(fresh, 'restore-progress');
  await fresh.getByRole('link', { name: 'Look at your photos' }).waitFor({ timeout: 60_000 });
  await walk.accessible(fresh, 'restore, progress');
  await shots(fresh, 'restore-done');
});

await walk.step('every photo is there, bit for bit, with the old password', async () => {
  await fresh.getByRole('link', { name: 'Look at your photos' }).click();
  await signIn(fresh, annaPassword);
  await fresh.waitForFunction((count) => document.querySelectorAll('.cell img.here').length >= count, photos.length);
  await shots(fresh, 'restored-timeline');
  const hashes = (page) => page.evaluate(async () => {
    const me = await fetch('/api/users/me').then((answer) => answer.json());
    const found = await fetch('/api/timeline/buckets').then((answer) => answer.json());
    return { id: me.id, count: found.reduce((sum, bucket) => sum + bucket.count, 0) };
  });
  assert((await hashes(fresh)).count === photos.length, 'every photo is in the timeline');
  assert((await hashes(fresh)).id === (await hashes(anna)).id, 'the same account');
});

await walk.step('the old computer says that it was replaced, and offers nothing that it cannot do', async () => {
  await anna.waitForFunction(async () => (await fetch('/api/vault').then((answer) => answer.json())).replaced === true, undefined, { timeout: 60_000, polling: 500 });
  await anna.goto('/');
  const replaced = 'Another computer has taken the place of this one.';
  await anna.getByRole('complementary', { name: 'Your copies' }).getByText(replaced).waitFor();
  await go(anna, 'Safety');
  await anna.getByRole('heading', { name: replaced }).waitFor();
  for (const name of ['Copy now', 'Check now', 'Try now', 'Add a disk', 'Check our words']) {
    assert((await anna.getByRole('button', { name }).count()) === 0, `no button ${name}`);
  }
  await walk.accessible(anna, 'safety, replaced');
  await shots(anna, 'replaced');
});

await nonna.goto('/'); // leaves the open invitation
const another = await walk.step('Nonna gives another link', invitation);
await nonna.goto('/');
await restoreWithKit({
  walk, fresh: kitless, nonna, link: another, paper: papers?.[0], home: 'Anna’s home', shots, photos: photos.length, signIn: (page) => signIn(page, annaPassword)
});

await browser.close();
process.exit(walk.finish());
