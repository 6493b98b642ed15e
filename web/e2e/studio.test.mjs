// The studio in a real browser on a real service; only the model is quick (tests/studio/engine.py).
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, afterEach, describe, it } from "node:test";
import { promisify } from "node:util";
import { unzipSync } from "fflate";
import { colourAt, distance, drop, eventually, learnSample, makeStyle, paste, tabTo, violations } from "./acts.mjs";
import { openPage, PYTHON, sample, startBrowser, startService } from "./harness.mjs";

const run = promisify(execFile);
const examples = ["great-wave", "ejiri-in-suruga", "poppies"].map((name) => sample(`examples/${name}.jpg`));

/** What a start with another checkpoint does. */
async function upgrade({ folder }) {
  await writeFile(join(folder, "duotone"), "two other colours");
  const script =
    "import hashlib, sqlite3, sys; folder = sys.argv[1]; hash = hashlib.sha256(open(f'{folder}/duotone', 'rb').read()).hexdigest(); " +
    "database = sqlite3.connect(f'{folder}/fewstroke.db', timeout=60); " +
    "database.execute('UPDATE facts SET value = ? WHERE name = ?', (hash, 'base')); database.commit()";
  await run(PYTHON, ["-c", script, folder]);
}
const photo = (name) => sample(`photos/${name}.jpg`);

describe("the studio", { timeout: 900_000 }, () => {
  let service, browser, context, page, problems;

  before(async () => {
    [service, browser] = await Promise.all([startService(), startBrowser()]);
  });
  after(async () => {
    await browser?.close();
    await service?.stop();
  });
  beforeEach(async () => {
    ({ context, page, problems } = await openPage(browser, service.url));
    await page.goto(service.url);
    await page.getByRole("heading", { level: 1 }).waitFor();
  });
  afterEach(async () => {
    await service.release();
    await context.close();
    assert.deepEqual(problems, []);
  });

  const button = (name) => page.getByRole("button", { name });
  const heading = (name) => page.getByRole("heading", { level: 1, name }).waitFor();
  const accessible = async () => assert.deepEqual(await violations(page), []);
  const same = (read, wanted) => eventually(async () => assert.deepEqual(await read(), wanted));
  const chosen = (name) => page.getByRole("button", { name, pressed: true }).waitFor();
  const previews = () => page.locator(".strip li").count();
  const share = () => page.locator(".compare").evaluate((one) => one.style.getPropertyValue("--share"));
  /** The photo in view is as the controls say: only then may it be downloaded. */
  const rendered = () => page.locator(".taking .primary:enabled").waitFor();
  const jobOf = async () => service.api(`/v1/jobs/${page.url().split("/").pop()}`);

  it("says what to do where there is nothing", async () => {
    await accessible();
    await page.getByRole("link", { name: "Use a style" }).first().click();
    await page.getByText("None of your own yet").waitFor();
    await accessible();
    await page.getByRole("link", { name: "My styles" }).first().click();
    await page.getByText("No styles yet").waitFor();
    await accessible();
    // What is offered is shown small: whole pictures are loaded when they are chosen.
    const loaded = await page.evaluate(() => performance.getEntriesByType("resource").map(({ name }) => name));
    assert.ok(loaded.some((name) => name.endsWith(".webp")));
    assert.deepEqual(loaded.filter((name) => name.endsWith(".jpg")), []);
  });

  it("goes from dropped pictures to a downloaded result", async () => {
    await page.evaluate(() => {
      globalThis.shift = 0;
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) if (!entry.hadRecentInput) globalThis.shift += entry.value;
      }).observe({ type: "layout-shift", buffered: true });
    });

    // Choose, crop.
    await drop(page, examples);
    await page.locator(".example").nth(2).waitFor();
    const width = () =>
      page
        .locator(".example img")
        .first()
        .evaluate(async (image) => {
          await image.decode();
          return image.naturalWidth;
        });
    const whole = await width();
    await button("Crop").first().click();
    await page.locator(".frame").waitFor();
    await page.locator(".frame").focus();
    for (let press = 0; press < 5; press++) await page.keyboard.press("Shift+ArrowLeft");
    await accessible();
    await button("Apply").click();
    await page.locator("dialog").waitFor({ state: "detached" });
    await eventually(async () => assert.ok((await width()) < whole, "the crop is narrower"));
    await accessible();

    // Watch, keep.
    await service.hold();
    await button("Learn this style").click();
    await same(() => page.locator(".easel > img").evaluate((one) => one.naturalWidth), 256); // coarse to fine
    await accessible();
    await service.release();
    await heading("Learned");
    await same(previews, 5);
    await page.getByText("Details").click();
    await page.getByRole("img", { name: /After 20 steps the difference is 60 % of/ }).waitFor();
    const shift = await page.evaluate(() => globalThis.shift);
    assert.ok(shift < 0.1, `things moved under the reader's eyes: ${shift}`);
    await accessible();
    await page.getByLabel("Name it").fill("Edo");
    await button("Keep it").click();

    // Seen at once on the photo that was watched; then on one's own, all of them.
    await chosen("Edo");
    await rendered();
    await page.getByText("This one is a sample").waitFor();
    await accessible();
    await drop(page, [photo("cat"), photo("coffee")]);
    await page.locator(".filmstrip > li").nth(2).waitFor(); // two photos and the button for more
    await button("Download all 2").waitFor();
    await rendered();
    const original = await colourAt(page, ".compare .before", 0.02, 0.02);
    assert.ok(distance(original, await colourAt(page, ".compare .after", 0.02, 0.02)) > 12, "the style shows");
    const slider = page.getByLabel("Compare before and after");
    await slider.press("Home");
    await same(share, "0%");
    await slider.press("ArrowRight");
    await same(() => slider.getAttribute("aria-valuetext"), "Result 99 %");
    await accessible();

    // Blend.
    await makeStyle(service, "Poppies", [examples[2]]);
    await page.getByRole("link", { name: "My styles" }).first().click();
    await page.getByRole("link", { name: /Poppies/ }).first().waitFor();
    await page.getByRole("link", { name: "Use a style" }).first().click();
    await page.getByRole("switch", { name: "Blend up to four styles" }).check();
    await button("Poppies").click();
    const point = page.locator(".pad .point");
    await point.waitFor();
    for (let press = 0; press < 4; press++) await point.press("ArrowRight");
    await eventually(async () => assert.match(await point.getAttribute("aria-label"), /30 %.*70 %/));
    await rendered();
    await accessible();

    // Broad strokes: twice those that were learned. Less of the photo's detail.
    const settings = async () => (await service.api("/v1/stylizations")).items[0].settings;
    const strokes = async () => (await settings()).stroke_size;
    await same(strokes, 1);
    await page.getByRole("radio", { name: "Broad" }).check();
    await same(strokes, 2);
    await rendered();
    await page.getByRole("radio", { name: "Fine" }).check();
    await same(strokes, 0.5);
    await page.getByRole("radio", { name: "As learned" }).check();
    await rendered();
    const { default_abstraction } = (await service.api("/v1/models")).items[0];
    const abstraction = page.getByLabel("Abstraction");
    await same(() => abstraction.inputValue(), String(default_abstraction));
    await abstraction.fill("0.75");
    await same(async () => (await settings()).abstraction, 0.75);
    await rendered();

    // A part only: the middle, painted by keyboard.
    await page.getByRole("button", { name: "Mask", exact: true }).click();
    await page.getByLabel("Painting area").press(" ");
    await accessible();
    await button("Apply").click();
    await button("Remove the mask").waitFor();
    await rendered();
    const near = await colourAt(page, ".compare .after", 0.02, 0.02);
    assert.ok(distance(original, near) < 8, `the corner stays as it was: ${original} ${near}`);
    const middle = [await colourAt(page, ".compare .before", 0.5, 0.5), await colourAt(page, ".compare .after", 0.5, 0.5)];
    assert.ok(distance(...middle) > 12, `the middle does not: ${middle.join(" | ")}`);

    // The same call as code.
    await button("Copy as code").click();
    await accessible();
    const curl = await page.getByLabel("curl", { exact: true }).textContent();
    assert.equal(curl.match(/style_id=/g).length, 2);
    await page.keyboard.press("Escape");
    await button("Remove the mask").click();
    await button("Copy as code").click();
    const folder = await mkdtemp(join(tmpdir(), "studio-code-"));
    try {
      await copyFile(photo("cat"), join(folder, "cat.jpg"));
      const line = await page.getByLabel("curl", { exact: true }).textContent();
      const save = page.waitForEvent("download");
      await button("Save cat.jpg").click();
      assert.deepEqual(await readFile(await (await save).path()), await readFile(photo("cat")));
      const { stdout } = await run("bash", ["-c", line], { cwd: folder });
      assert.equal(JSON.parse(stdout).job.state, "succeeded");
      const program = await page.getByLabel("Python", { exact: true }).textContent();
      await run(PYTHON, ["-c", program], { cwd: folder });
      assert.deepEqual([...(await readFile(join(folder, "result.png"))).subarray(1, 4)], [...Buffer.from("PNG")]);
    } finally {
      await rm(folder, { recursive: true });
    }
    await page.keyboard.press("Escape");

    // Show it to others: a page that needs no key, until the link is ended.
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await button("Share").click();
    await accessible();
    await button("Copy a link").click();
    const link = await page.getByLabel("Link", { exact: true }).inputValue();
    await eventually(async () => assert.equal(await page.evaluate(() => navigator.clipboard.readText()), link));
    const visit = await openPage(browser, service.url);
    await visit.page.goto(link);
    await visit.page.getByRole("heading", { level: 1, name: "A photo in “Edo + Poppies”" }).waitFor();
    await visit.page.getByLabel("Compare before and after").waitFor();
    assert.deepEqual(await violations(visit.page), []);
    await visit.page.getByRole("link", { name: "Make yours" }).waitFor();
    await button("End this link").click();
    await button("Copy a link").waitFor();
    await visit.page.reload();
    await visit.page.getByText("This link shows nothing any more").waitFor();
    await visit.context.close();
    assert.deepEqual(visit.problems, []);
    await page.keyboard.press("Escape");

    // Take it away.
    await button("Render all 2").click();
    await button("Download all 2").waitFor();
    const one = page.waitForEvent("download");
    await page.getByRole("button", { name: "Download", exact: true }).click();
    const file = await one;
    assert.equal(file.suggestedFilename(), "cat-edo+poppies.png");
    assert.deepEqual([...(await readFile(await file.path())).subarray(1, 4)], [...Buffer.from("PNG")]);
    const both = page.waitForEvent("download");
    await button("Download all 2").click();
    const entries = unzipSync(new Uint8Array(await readFile(await (await both).path())));
    assert.deepEqual(Object.keys(entries), ["cat-edo+poppies.png", "coffee-edo+poppies.png"]);
  });

  it("blends up to four styles, of photos that were pasted", async () => {
    const names = ["North", "East", "South", "West", "Up"];
    for (const name of names) await makeStyle(service, name, [examples[0]]);
    await page.getByRole("link", { name: "Use a style" }).first().click();
    // At once, before the section is drawn.
    await paste(page, [photo("cat"), photo("coffee")]);
    await page.locator(".filmstrip li").nth(2).waitFor(); // two photos and the button for more
    const several = page.getByRole("switch", { name: "Blend up to four styles" });
    await several.check();
    for (const name of names.slice(0, 4)) await button(name).first().click();
    await button(names[4]).first().click();
    await page.getByText("Up to four styles in a blend").waitFor();
    const shares = () => page.locator(".shares output").allTextContents();
    await same(shares, ["25 %", "25 %", "25 %", "25 %"]);
    const { width, height } = await page.locator(".pad").boundingBox();
    await page.locator(".pad").click({ position: { x: 0.8 * width, y: 0.25 * height } });
    await same(shares, ["15 %", "60 %", "5 %", "20 %"]);
    await page.getByLabel("Share of North").fill("0.5");
    await same(async () => (await shares())[0], "50 %");
    await rendered();
    await button(names[0]).first().click();
    await same(async () => (await shares()).length, 3);
    await several.uncheck(); // the largest share stays, alone
    await same(() => page.locator(".picker [aria-pressed=true]").allTextContents(), ["East"]);
    await rendered();
    await button("South").first().click(); // takes its place
    await same(() => page.locator(".picker [aria-pressed=true]").allTextContents(), ["South"]);
  });

  it("stops learning", async () => {
    await service.hold();
    await learnSample(page);
    await page.locator(".easel > img").waitFor();
    await button("Stop learning").click();
    await heading("Learning was stopped");
    assert.equal((await jobOf()).state, "canceled");
    await accessible();
    await button("Make another style").click();
    await button("Learn this style").waitFor();
  });

  it("finds a style that is being learned after a reload", async () => {
    await service.hold();
    await learnSample(page);
    await page.locator(".easel > img").waitFor();
    const job = page.url();
    await page.reload();
    await page.locator(".easel > img").waitFor();
    await page.goto("about:blank");
    await page.goto(`${service.url}/#/styles`);
    await page.getByTitle("Show it").click();
    await page.locator(".easel > img").waitFor();
    assert.equal(page.url(), job);
    await service.release();
    await heading("Learned");
    await button("Discard").click();
    await heading("Teach it a style");
    const { style_id } = await service.api(`/v1/jobs/${job.split("/").pop()}`);
    // Not at once: for a moment it can be had back.
    assert.equal((await service.api(`/v1/styles/${style_id}`)).status, "ready");
    await button("Undo").click();
    await heading("Learned");
    await button("Discard").click();
    await heading("Teach it a style");
    await page.reload();
    await same(async () => (await service.api(`/v1/styles/${style_id}`)).code, "style_not_found");
  });

  it("goes on when the worker is killed", async () => {
    await service.hold();
    await learnSample(page);
    await page.locator(".easel > img").waitFor();
    await service.killWorker();
    await page.getByText("The server restarted").waitFor();
    await accessible();
    await service.release();
    await heading("Learned");
    assert.equal((await jobOf()).attempt, 2);
    await same(previews, 5);
  });

  it("goes on after the connection was away", async () => {
    await service.hold();
    await learnSample(page);
    await page.locator(".easel > img").waitFor();
    await context.setOffline(true);
    await page.getByText("You are offline").waitFor();
    await accessible();
    await service.release();
    await service.idle();
    await context.setOffline(false);
    await page.getByText("Connected again").waitFor();
    await heading("Learned");
    await same(previews, 5);
  });

  it("says what is wrong with a file", async () => {
    await drop(page, [{ name: "notes.jpg", type: "image/jpeg", data: Buffer.from("hello").toString("base64") }]);
    await page.getByRole("alert").getByText("“notes.jpg” is not a picture").waitFor();
    await accessible();
    const tiny = await page.evaluate(() => {
      const canvas = document.createElement("canvas");
      canvas.width = canvas.height = 8;
      canvas.getContext("2d");
      return canvas.toDataURL("image/png").split(",")[1];
    });
    await drop(page, [{ name: "tiny.png", type: "image/png", data: tiny }]);
    await page.getByRole("alert").getByText("“tiny.png” is too small").waitFor();
    assert.equal(await page.locator(".example").count(), 0);
  });

  it("needs no pointer", async () => {
    await page.keyboard.press("Tab");
    await tabTo(page, "Skip to the content");
    await page.keyboard.press("Enter");
    await tabTo(page, "Don Quixote, engraved");
    await page.keyboard.press("Enter");
    await page.locator(".example").first().waitFor();
    await tabTo(page, "Learn this style");
    await page.keyboard.press("Enter");
    await heading("Learned");
    await same(() => page.evaluate(() => document.activeElement.textContent), "Learned");
    await tabTo(page, "Name it");
    await page.keyboard.type("By keys");
    await page.keyboard.press("Enter");
    await chosen("By keys");
    await same(() => page.evaluate(() => document.activeElement.id), "content");
    await rendered(); // the sample
    await tabTo(page, "Coffee");
    await page.keyboard.press("Enter");
    await page.locator(".filmstrip").waitFor();
    await rendered();
    await tabTo(page, "Compare before and after");
    await page.keyboard.press("End");
    await same(share, "100%");
  });

  it("keeps styles: rename, export, import, share, delete", async () => {
    await makeStyle(service, "Waves", [examples[0]]);
    await page.getByRole("link", { name: "My styles" }).first().click();
    await page.getByRole("img", { name: "The sample photo in “Waves”" }).first().waitFor();
    await accessible();
    await button("Rename: Waves").click();
    await page.getByLabel("Name", { exact: true }).fill("High seas");
    await accessible();
    await button("Save").click();
    await page.getByRole("link", { name: /High seas/ }).first().waitFor();
    const exported = page.waitForEvent("download");
    await button("Export: High seas").click();
    const file = await (await exported).path();
    const chooser = page.waitForEvent("filechooser");
    await button("Import a style").click();
    await (await chooser).setFiles({ name: "Again.safetensors", mimeType: "", buffer: await readFile(file) });
    await page.getByRole("link", { name: /Again/ }).first().waitFor();
    await drop(page, [{ name: "Dropped.safetensors", type: "", data: (await readFile(file)).toString("base64") }]);
    await page.getByRole("link", { name: /Dropped/ }).first().waitFor();
    await button("Delete: High seas").click();
    await accessible();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await page.getByRole("link", { name: /High seas/ }).first().waitFor({ state: "detached" });
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await button("Copy link: Again").click();
    await page.getByText("Link copied").waitFor();
    await page.goto(await page.evaluate(() => navigator.clipboard.readText()));
    await chosen("Again");
  });

  it("learns a style of an older model again", async () => {
    const id = await makeStyle(service, "Of yesterday", [examples[0]]);
    await upgrade(service);
    await page.getByRole("link", { name: "My styles" }).first().click();
    const again = button("Learn again: Of yesterday");
    await again.waitFor();
    await page.getByText("Of an older model").first().waitFor();
    await accessible();
    await again.click();
    await heading("Learned");
    assert.equal((await service.api(`/v1/styles/${id}`)).status, "ready");
    await page.getByLabel("Name it").fill("Of today");
    await button("Keep it").click();
    await chosen("Of today");
    await rendered();
  });

  it("speaks Chinese to those who read it", async () => {
    const other = await openPage(browser, service.url, { locale: "zh-CN", viewport: { width: 390, height: 800 } });
    await other.page.goto(service.url);
    await other.page.getByRole("heading", { name: "让照片变成任何画风" }).waitFor();
    await same(() => other.page.evaluate(() => document.documentElement.lang), "zh-CN");
    assert.deepEqual(await violations(other.page), []);
    assert.ok(await other.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "no sideways scrolling");
    await other.context.close();
    assert.deepEqual(other.problems, []);
  });
});

describe("a service with keys and a short queue", { timeout: 600_000 }, () => {
  let service, browser, key;

  before(async () => {
    [service, browser] = await Promise.all([
      startService({ FEWSTROKE_AUTH: "keys", FEWSTROKE_MAX_QUEUED_JOBS: "1" }),
      startBrowser(),
    ]);
    const { stdout } = await run(PYTHON, ["-m", "app.cli", "keys", "create", "studio"], { env: service.environment });
    key = /fsk_\S+/.exec(stdout)[0];
  });
  after(async () => {
    await browser?.close();
    await service?.stop();
  });

  it("asks for a key, keeps it as told, and waits for room", async () => {
    const { context, page, problems } = await openPage(browser, service.url);
    await page.goto(service.url);
    const field = page.getByLabel("API key", { exact: true });
    await field.waitFor();
    assert.deepEqual(await violations(page), []);
    await field.fill("fsk_wrong");
    await page.getByRole("button", { name: "Use this key" }).click();
    await page.getByText("That key was refused").waitFor();
    await field.fill(key);
    await page.getByLabel(/Remember it/).check();
    await page.getByRole("button", { name: "Use this key" }).click();
    await field.waitFor({ state: "detached" });
    await page.reload();
    await page.getByRole("heading", { level: 1 }).waitFor();
    assert.equal(await page.evaluate(() => JSON.stringify(localStorage).includes("fsk_")), false);

    await service.hold();
    const form = new FormData();
    form.append("examples", new Blob([await readFile(examples[0])]), "wave.jpg");
    const headers = { Authorization: `Bearer ${key}` };
    const other = await service.api("/v1/styles", { method: "POST", headers, body: form });
    assert.ok(other.job, JSON.stringify(other));
    await page.locator("button.set").first().click();
    await page.getByRole("button", { name: "Learn this style" }).click();
    await page.locator(".notice", { hasText: "The queue is full" }).waitFor();
    assert.deepEqual(await violations(page), []);
    await service.release();
    await page.getByRole("heading", { level: 1, name: "Learned" }).waitFor();
    await context.close();
    assert.deepEqual(problems, []);
  });
});
