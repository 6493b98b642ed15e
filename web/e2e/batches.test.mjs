// Many photos: dropped, chosen as a folder or as a ZIP, sent as a batch, followed, stopped, gone on with, taken away.
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { strFromU8, unzipSync, zipSync } from "fflate";
import { drop, eventually, violations } from "./acts.mjs";
import { openPage, sample, startBrowser, startService } from "./harness.mjs";

const SLOW = 600_000; // ms; a batch gives way to every other program of the machine
const tile = await readFile(sample("small/cat-tile.webp"));
const photo = (name, data = tile) => ({ name, type: "image/webp", data: data.toString("base64") });
const photos = (count) => Array.from({ length: count }, (_, index) => photo(`cat-${index + 1}.webp`));

describe("many photos", { timeout: 3_000_000 }, () => {
  let service, browser, context, page, problems, folder;

  before(async () => {
    [service, browser, folder] = await Promise.all([startService(), startBrowser(), mkdtemp(join(tmpdir(), "fewstroke-photos-"))]);
  });
  after(async () => {
    await browser?.close();
    await service?.stop();
    await rm(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    ({ context, page, problems } = await openPage(browser, service.url));
    await page.goto(`${service.url}/#/use`);
    await page.getByRole("heading", { level: 1 }).waitFor();
  });
  afterEach(async () => {
    await service.release();
    await context.close();
    assert.deepEqual(problems, []);
  });

  const button = (name) => page.getByRole("button", { name });
  const accessible = async () => assert.deepEqual(await violations(page), []);
  const chooseIn = async (name, files) => {
    const chooser = page.waitForEvent("filechooser");
    await button(name).click();
    await (await chooser).setFiles(files);
  };
  async function taken() {
    const save = page.waitForEvent("download");
    await button(/^Download ZIP of/).first().click();
    const file = await save;
    return { name: file.suggestedFilename(), files: unzipSync(await readFile(await file.path())) };
  }

  it("become a batch by themselves, in the style and with the settings of the page, and come as a ZIP", async () => {
    const wrong = [photo("broken.jpg", Buffer.from("no picture")), { name: "notes.txt", type: "text/plain", data: "aGk=" }];
    await drop(page, [...photos(17), ...wrong]);
    await page.getByText("One file is neither photo nor ZIP").waitFor();
    await page.getByRole("heading", { name: "18 photos" }).waitFor();
    await page.getByText("Pick a style to draw them in").waitFor();
    assert.ok(await button("Draw all 18").isDisabled());
    await button("Woodblock waves").click();
    await page.locator(".compare .after").waitFor(); // the first of them shows what the settings do
    await page.getByLabel("Strength", { exact: true }).fill("0.5");
    await accessible();
    await button("Draw all 18").click();
    await page.getByRole("heading", { level: 1, name: "Batches" }).waitFor();
    await page.getByText("Done, 17 pictures").waitFor({ timeout: SLOW });
    const { items } = await service.api("/v1/batches");
    assert.equal(items.length, 1);
    assert.equal(items[0].settings.strength, 0.5);
    assert.equal(items[0].settings.format, "jpeg");
    await page.getByText("1 photo could not be used").click();
    await page.getByText("broken.jpg").waitFor();
    await accessible();
    const { name, files } = await taken();
    assert.equal(name, "photos-woodblock-waves.zip");
    assert.equal(Object.keys(files).filter((path) => /^cat-\d+\.jpeg$/.test(path)).length, 17);
    assert.match(strFromU8(files["errors.jsonl"]), /broken\.jpg/);
    await page.getByRole("link", { name: "Use a style" }).first().click();
    assert.equal(await page.locator(".many").count(), 0, "what was sent is not offered again");
  });

  it("can be stopped, gone on with over a reload, and deleted", async () => {
    await service.hold();
    await drop(page, photos(20));
    await button("Golden ornament").click();
    await button("Draw all 20").click();
    await page.getByRole("progressbar").waitFor();
    await page.getByText(/Waits until|0 of 20 drawn/).waitFor();
    await accessible();
    await button(/^Stop:/).click();
    await page.getByText("Stopped after 0 of 20").waitFor();
    await service.release();
    await page.reload();
    await button(/^Draw the rest:/).click();
    await page.getByText("Done, 20 pictures").waitFor({ timeout: SLOW });
    const before = (await service.api("/v1/batches")).items.length;
    await button(/^Delete:/).first().click();
    await accessible();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await page.getByText("Batch deleted").waitFor();
    await eventually(async () => assert.equal((await service.api("/v1/batches")).items.length, before - 1));
  });

  it("come as a folder, whose tree the pictures keep", async () => {
    for (const [index, name] of ["a", "b"].entries()) {
      await mkdir(join(folder, name), { recursive: true });
      for (let at = 0; at < 9; at++) await writeFile(join(folder, name, `${at + index}.webp`), tile);
    }
    await writeFile(join(folder, "a", "readme.txt"), "hello");
    await chooseIn("Choose a folder", folder);
    await page.getByRole("heading", { name: "18 photos" }).waitFor();
    assert.equal(await page.locator(".toast").count(), 0, "what lies beside the photos is left out without a word");
    await button("Picture book").click();
    await button("Draw all 18").click();
    await page.getByText("Done, 18 pictures").first().waitFor({ timeout: SLOW });
    const paths = Object.keys((await taken()).files).filter((path) => path.endsWith(".jpeg"));
    for (const path of ["a/0.jpeg", "b/9.jpeg"]) assert.ok(paths.some((one) => one.endsWith(path)), `${path} in ${paths}`);
  });

  it("come as a ZIP, beside loose ones and as more than one batch where one would be too large", async () => {
    await page.route("**/v1/models", async (route) => {
      const answer = await route.fetch();
      const models = await answer.json();
      models.items[0].max_archive_photos = 10;
      await route.fulfill({ response: answer, json: models });
    });
    const archive = Buffer.from(zipSync({ "one.webp": [new Uint8Array(tile), { level: 0 }] }));
    const before = (await service.api("/v1/batches")).items.length;
    await button("Burning sky").click();
    await chooseIn("Choose photos", [{ name: "holidays.zip", mimeType: "application/zip", buffer: archive }]);
    await page.getByRole("heading", { name: "holidays.zip" }).waitFor();
    await drop(page, photos(12));
    await page.getByRole("heading", { name: "12 photos, holidays.zip" }).waitFor();
    await button("Draw them all").click();
    for (const count of ["10 pictures", "2 pictures", "1 picture"]) await page.getByText(`Done, ${count}`, { exact: true }).waitFor({ timeout: SLOW });
    assert.equal((await service.api("/v1/batches")).items.length, before + 3);
  });

  it("are listed page by page: looking again keeps the pages that were read, and leaves no gap", async () => {
    let listed = [5, 4, 3, 2, 1]; // ids, newest first; each has as many photos
    const batch = (number) => ({
      id: `bat_${number}`,
      styles: [{ id: "sty_0", weight: 1 }],
      created_at: "2026-01-01T12:00:00Z",
      job: { id: `job_${number}`, state: "running", error: null },
      counts: { total: number, succeeded: 0, failed: 0 },
      errors: [],
    });
    await page.route(/\/v1\/batches\?/, (route) => {
      const after = new URL(route.request().url()).searchParams.get("after");
      const left = after ? listed.filter((number) => `bat_${number}` < after) : listed;
      const next = left.length > 2 ? `bat_${left[1]}` : null;
      return route.fulfill({ json: { items: left.slice(0, 2).map(batch), next } });
    });
    const shows = (...numbers) =>
      eventually(async () => {
        const counts = await page.locator(".batches .facts > :last-child").allTextContents();
        assert.deepEqual(counts.map((text) => parseInt(text)), numbers);
      });
    const more = button("Show more");
    await page.goto(`${service.url}/#/batches`);
    await shows(5, 4);
    await more.click();
    await shows(5, 4, 3, 2);
    listed = [6, 4, 3, 2, 1]; // another one came, and one was deleted
    await shows(6, 4, 3, 2);
    await more.click();
    await shows(6, 4, 3, 2, 1);
    assert.equal(await more.count(), 0);
    listed = [9, 8, 7, 6, 4, 3, 2, 1]; // more than a page of new ones
    await shows(9, 8, 6, 4, 3, 2, 1);
    await more.click();
    await shows(9, 8, 7, 6, 4, 3, 2, 1);
  });

  it("stay where they are when sending them is given up, or refused", async () => {
    await button("Burning sky").click();
    await drop(page, photos(17));
    await page.route("**/v1/batches", () => new Promise(() => undefined), { times: 1 });
    await button("Draw all 17").click();
    await page.getByText("Sending the photos").waitFor();
    await accessible();
    await page.getByRole("region", { name: "17 photos" }).getByRole("button", { name: "Cancel" }).click();
    await button("Draw all 17").waitFor();
    const refusal = { type: "about:blank", title: "Too large", status: 413, code: "payload_too_large", detail: "Too large." };
    await page.route("**/v1/batches", (route) => route.fulfill({ status: 413, contentType: "application/problem+json", body: JSON.stringify(refusal) }), { times: 1 });
    await button("Draw all 17").click();
    await page.getByRole("alert").getByText("too large").waitFor();
    await button("Start over").click();
    await eventually(async () => assert.equal(await page.locator(".many").count(), 0));
  });
});
