// Recovery kits in a real browser, the steps of vault.mjs: one is made, printed, checked and ended on the Safety page, and
// another brings a home back on the first-run page of a computer that knows no phrase.
import { assert } from './harness.mjs';

const dialog = (page, name) => page.getByRole('dialog', { name });
const kit = (page, name) => page.getByRole('listitem').filter({ has: page.getByRole('heading', { name, exact: true }) });

/** Makes a 2-of-3 kit of Nonna and two papers on the Safety page; gives what stands on the papers. */
async function make({ page, typePhrase, words, name, look }) {
  await page.getByRole('button', { name: 'Make a kit…' }).click();
  const first = dialog(page, 'Make a recovery kit');
  await first.getByLabel('Name of the kit').fill(name);
  assert(/Nonna/.test(await first.getByLabel('Part 1').locator('option:checked').innerText()), 'a home gets the first part');
  await first.getByLabel('Part 2').selectOption({ label: 'On paper' });
  await first.getByLabel('Part 3').selectOption({ label: 'On paper' });
  await first.getByLabel(/^When somebody asks/).selectOption({ label: 'not at all' });
  await look?.('make');
  await first.getByRole('button', { name: 'Go on' }).click();
  await dialog(page, 'Your 24 words').waitFor();
  await typePhrase(page, words);
  await dialog(page, 'Your 24 words').getByRole('button', { name: 'Make the kit' }).click();
  const papers = dialog(page, 'The parts on paper');
  await papers.waitFor();
  const texts = await papers.locator('pre').allInnerTexts();
  assert(texts.length === 2 && texts.every((text) => text.replace(/\s/g, '').length === 160), 'two papers with 160 letters each');
  await look?.('papers');
  return { texts, papers };
}

async function close(page, papers) {
  await papers.getByRole('button', { name: 'Done' }).click();
  await papers.getByRole('button', { name: 'They are on paper' }).click();
}

/** The steps on Anna's Safety page; gives the papers of the kit that stays. */
export async function keepKits({ walk, page, typePhrase, words, shots }) {
  const name = 'For the children';
  const kept = await walk.step('a kit of 2 of 3 is made: Nonna and two papers', async () => {
    const look = async (what) => {
      await walk.accessible(page, `kit, ${what}`);
      await shots(page, `kit-${what}`);
    };
    const { texts, papers } = await make({ page, typePhrase, words, name, look });
    await page.emulateMedia({ media: 'print' });
    const sheets = page.locator('.kit-sheets .sheet');
    assert((await sheets.count()) === 2 && (await sheets.first().isVisible()), 'each paper prints on a page of its own');
    assert(/I have a recovery kit/.test(await sheets.first().innerText()), 'the paper says what to do with it');
    await walk.shot(page, 'kit-printed');
    await page.emulateMedia({ media: 'screen' });
    await close(page, papers);
    return texts;
  });
  await walk.step('the parts are checked, in words that promise no more than is known', async () => {
    await kit(page, name).getByText('Paper only you can look at.').waitFor();
    await kit(page, name).getByRole('button', { name: 'Check the parts' }).click();
    await page.getByText('Every home says that its part is right').waitFor();
    await kit(page, name).getByText(/last said .* that their parts are right/).waitFor();
    await walk.accessible(page, 'safety with a kit');
    await shots(page, 'kit-checked');
  });
  await walk.step('a second kit is made and ended', async () => {
    const { papers } = await make({ page, typePhrase, words, name: 'A mistake' });
    await close(page, papers);
    await kit(page, 'A mistake').getByRole('button', { name: 'End this kit…' }).click();
    await walk.accessible(page, 'end a kit');
    await walk.shot(page, 'kit-end');
    await dialog(page, /End “A mistake”/).getByRole('button', { name: 'End the kit' }).click();
    await kit(page, 'A mistake').waitFor({ state: 'detached' });
    await kit(page, name).waitFor();
  });
  return kept;
}

/** The first-run page of a computer without the phrase: one paper, and Nonna, who says yes. */
export async function restoreWithKit({ walk, fresh, nonna, link, paper, home, shots, photos, signIn }) {
  await walk.step('a kit brings everything back: a slip on the paper is named', async () => {
    await fresh.goto('/');
    await fresh.getByRole('button', { name: /I have a recovery kit/ }).click();
    await fresh.getByLabel('What was your home called?').fill(home);
    await fresh.getByLabel(/^Links of homes/).fill(link);
    const field = fresh.getByLabel('A part on paper');
    await field.fill(paper.replace(/^../, (two) => (two[0] === two[1] ? '0Z' : two[1] + two[0])));
    await fresh.getByText('All 20 groups are typed.').waitFor();
    await walk.accessible(fresh, 'kit, the form');
    await shots(fresh, 'kit-form');
    await fresh.getByRole('button', { name: 'Ask for the parts' }).click();
    await fresh.getByRole('alert').getByText(/group 1 was copied wrongly/).waitFor();
    await walk.shot(fresh, 'kit-slip');
    await field.fill(paper.toLowerCase());
    await fresh.getByRole('button', { name: 'Ask for the parts' }).click();
    await fresh.getByRole('heading', { name: '1 of 2 parts is here' }).waitFor();
  });
  await walk.step('a link that was entered can be taken out again, but not the only one; a relay stands behind "More"', async () => {
    await fresh.getByRole('button', { name: 'Add a link or a part…' }).click();
    await fresh.getByText('More', { exact: true }).click();
    await fresh.getByLabel('Address of the relay').fill('relay without a scheme');
    await fresh.getByRole('button', { name: 'Add', exact: true }).click();
    await fresh.getByRole('alert').getByText(/begins with https/).waitFor();
    await walk.accessible(fresh, 'kit, a relay');
    await shots(fresh, 'kit-relay');
    await fresh.getByLabel('Address of the relay').fill('');
    await fresh.getByLabel(/^Links/).fill('/usr');
    await fresh.getByRole('button', { name: 'Add', exact: true }).click();
    await fresh.getByRole('alert').getByText(/no copies in/).waitFor();
    await fresh.getByRole('button', { name: 'Back' }).click();
    await fresh.getByRole('button', { name: /^Take out\s*: Nonna/ }).click();
    await fresh.getByRole('alertdialog').getByRole('button', { name: 'Take it out' }).click();
    await fresh.getByRole('alert').getByText(/One link of a home is needed/).waitFor();
    await fresh.getByRole('button', { name: /^Take out\s*: Part/ }).click();
    await fresh.getByRole('alertdialog').getByRole('button', { name: 'Take it out' }).click();
    await fresh.getByRole('heading', { name: 'No part is here yet' }).waitFor();
    await walk.shot(fresh, 'kit-taken-out');
    await fresh.getByRole('button', { name: 'Add a link or a part…' }).click();
    await fresh.getByLabel('A part on paper').fill(paper);
    await fresh.getByRole('button', { name: 'Add', exact: true }).click();
    await fresh.getByRole('heading', { name: '1 of 2 parts is here' }).waitFor();
  });
  await walk.step('both sides see the same six words, also after the page was closed', async () => {
    const spoken = fresh.getByRole('list', { name: /^The six words/ });
    await spoken.waitFor();
    await fresh.reload();
    await spoken.waitFor();
    await walk.accessible(fresh, 'kit, the wait');
    await shots(fresh, 'kit-wait');
    await nonna.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Safety' }).click();
    const asked = nonna.getByRole('list', { name: 'The six words' });
    await asked.waitFor();
    assert((await asked.innerText()).replace(/\s+/g, ' ') === (await spoken.innerText()).replace(/\s+/g, ' '), 'the same six words');
    await walk.accessible(nonna, 'somebody asks for a part');
    await shots(nonna, 'kit-asked');
    await nonna.getByRole('button', { name: /Yes, it is really them/ }).click();
  });
  await walk.step('the day of the newest state is shown, and one button brings every photo back', async () => {
    await fresh.getByRole('heading', { name: 'Ready to come back' }).waitFor({ timeout: 90_000 });
    await fresh.getByText(String(new Date().getFullYear())).first().waitFor();
    await walk.accessible(fresh, 'kit, what comes back');
    await shots(fresh, 'kit-choose');
    await fresh.getByRole('button', { name: 'Bring everything back' }).click();
    await fresh.getByRole('link', { name: 'Look at your photos' }).waitFor({ timeout: 90_000 });
    await fresh.getByRole('link', { name: 'Look at your photos' }).click();
    await signIn(fresh);
    await fresh.waitForFunction((count) => document.querySelectorAll('.cell img.here').length >= count, photos);
  });
}
