// What a new visitor meets: ready styles, results that stay, a close look, something to take away.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { colourAt, distance, drop, eventually, makeStyle, violations } from "./acts.mjs";
import { openPage, sample, startBrowser, startService } from "./harness.mjs";

/** What the page keeps in the browser under a name (web/src/state/keep.ts). */
const kept = (name) =>
  new Promise((found, failed) => {
    const opening = indexedDB.open("fewstroke");
    opening.onerror = () => failed(opening.error);
    opening.onsuccess = () => {
      const reading = opening.result.transaction("kept").objectStore("kept").get(name);
      reading.onsuccess = () => {
        opening.result.close();
        found(reading.result);
      };
    };
  });

const photo = (name) => sample(`photos/${name}.jpg`);

describe("a visitor", { timeout: 900_000 }, () => {
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
  const accessible = async () => assert.deepEqual(await violations(page), []);
  const same = (read, wanted) => eventually(async () => assert.deepEqual(await read(), wanted));
  const chosen = (name) => page.getByRole("button", { name, pressed: true }).waitFor();
  const rendered = () => page.locator(".taking .primary:enabled").waitFor();
  const kinds = async () => (await service.api("/v1/jobs?limit=100")).items.map(({ kind }) => kind);

  it("sees a photo in a ready style after one click, and nothing is learned", async () => {
    await page.getByRole("heading", { level: 1, name: "Your photo, in any style" }).waitFor();
    const cards = page.getByRole("region", { name: "Ready styles" }).getByRole("listitem").getByRole("link");
    await same(() => cards.count(), 8);
    await accessible();
    await page.getByRole("link", { name: /Woodblock waves/ }).click();
    await chosen("Woodblock waves");
    await rendered();
    const [before, after] = [await colourAt(page, ".compare .before", 0.02, 0.02), await colourAt(page, ".compare .after", 0.02, 0.02)];
    assert.ok(distance(before, after) > 12, "the style shows");
    await accessible();
    // Another one, beside which there are none of one's own yet.
    await button("Golden ornament").click();
    await chosen("Golden ornament");
    await same(() => page.locator(".picker [aria-pressed=true]").count(), 1); // it took the other one's place
    await page.getByText("None of your own yet").waitFor();
    await rendered();
    assert.ok(!(await kinds()).includes("adapt"));
  });

  it("goes from pictures to music and back", async () => {
    const kinds = page.getByRole("navigation", { name: "What is made" });
    await kinds.getByRole("link", { name: "Music" }).click();
    await page.getByRole("heading", { level: 1, name: "A composer’s manner" }).waitFor();
    await same(() => kinds.locator("[aria-current]").textContent(), "Music");
    await accessible();
    await kinds.getByRole("link", { name: "Pictures" }).click();
    await page.getByRole("heading", { level: 1, name: "Your photo, in any style" }).waitFor();
  });

  it("brings a photo from the first page, and sees it in the first of the ready styles", async () => {
    const chooser = page.waitForEvent("filechooser");
    await button("Choose a photo").click();
    await (await chooser).setFiles(photo("coffee"));
    await chosen("Woodblock waves");
    await page.locator(".filmstrip > li").nth(1).waitFor(); // the photo and the button for more
    await rendered();
    await page.getByRole("link", { name: "My styles" }).first().click();
    await page.getByText("No styles yet").waitFor(); // ready ones are nobody's own
  });

  it("watches a style being learned on the photo that was brought, and need not think of a name", async () => {
    const chooser = page.waitForEvent("filechooser");
    await button("Choose a photo").click();
    await (await chooser).setFiles(photo("coffee"));
    await rendered();
    await page.getByRole("link", { name: "Make a style" }).first().click();
    const teach = async (set) => {
      await page.locator("button.set", { hasText: set }).click();
      await page.locator(".example").nth(3).waitFor();
    };
    await teach("Colours of Murnau");
    await page.getByRole("radio", { name: "Your own photo", checked: true }).waitFor();
    assert.match(await page.locator(".segmented").textContent(), /20 steps/); // nothing is known of the pace yet
    await button("Learn this style").click();
    await same(() => page.getByLabel("Name it").inputValue(), "Colours of Murnau");
    const [job] = (await service.api("/v1/jobs?limit=1&kind=adapt")).items;
    const [watched] = (await service.api(`/v1/images?job_id=${job.id}&role=content`)).items;
    assert.deepEqual([watched.width, watched.height], [600, 400]); // of the coffee
    await button("Keep it").click();
    await chosen("Colours of Murnau");
    await page.getByRole("link", { name: "Make a style" }).first().click();
    await teach("Views and waves");
    await page.locator(".segmented", { hasText: "about" }).waitFor();
    await accessible();
  });

  it("says whose the pictures are, and the style says it, also from its file", async () => {
    await page.locator("button.set", { hasText: "Colours of Murnau" }).click();
    await page.locator(".example").nth(3).waitFor();
    const whose = page.locator("summary", { hasText: "Whose pictures are these?" });
    assert.match(await whose.textContent(), /Wassily Kandinsky/);
    await button("Start over").click();
    await drop(page, [sample("examples/poppies.jpg")]);
    await page.locator(".example").waitFor();
    assert.doesNotMatch(await whose.textContent(), /Kandinsky/); // what was said of the samples does not go for others
    await whose.click();
    await page.getByLabel("By", { exact: true }).fill("© 2026 A. Painter");
    await page.getByLabel("Licence").fill("CC BY 4.0");
    await accessible();
    await same(async () => (await page.evaluate(kept, "draft")).credits, { rights: "© 2026 A. Painter", licence: "CC BY 4.0" });
    await page.reload();
    await page.locator("summary", { hasText: "© 2026 A. Painter" }).waitFor();
    await button("Learn this style").click();
    await page.getByLabel("Name it").fill("Painted");
    await button("Keep it").click();
    await chosen("Painted");
    await page.getByRole("link", { name: "About “Painted”" }).click();
    await page.getByText("© 2026 A. Painter · Licence: CC BY 4.0").waitFor();
    await accessible();
    const exported = page.waitForEvent("download");
    await button("Style file").click();
    const buffer = await readFile(await (await exported).path());
    await page.getByRole("link", { name: "My styles" }).first().click();
    const chooser = page.waitForEvent("filechooser");
    await button("Import a style").click();
    await (await chooser).setFiles({ name: "Imported.safetensors", mimeType: "", buffer });
    await page.getByRole("link", { name: /Imported/ }).first().click();
    await page.getByText("© 2026 A. Painter · Licence: CC BY 4.0").waitFor();
  });

  it("has a label on the picture where it is asked for, and finds out later that it was made here", async () => {
    await page.getByRole("link", { name: /Woodblock waves/ }).click();
    await rendered();
    await page.locator("summary", { hasText: "File" }).click();
    await page.getByLabel("Visible label").selectOption({ label: "Bottom right" });
    const places = async () => (await service.api("/v1/stylizations?limit=20")).items.map(({ settings }) => settings.label);
    await eventually(async () => assert.ok((await places()).includes("bottom-right")));
    await rendered();
    await accessible();
    const save = page.waitForEvent("download");
    await page.getByRole("button", { name: "Download", exact: true }).click();
    const data = (await readFile(await (await save).path())).toString("base64");

    await page.getByRole("link", { name: "Results" }).first().click();
    const newest = page.locator(".results .card").first();
    await newest.locator("summary", { hasText: "About this file" }).click();
    await newest.getByText("has an invisible watermark. Its label reads “AI generated”.").waitFor();
    await page.getByRole("link", { name: "Check a picture" }).click();
    await page.getByRole("heading", { level: 1, name: "Check a picture" }).waitFor();
    await drop(page, [{ name: "found.png", type: "image/png", data }]);
    await page.getByRole("heading", { name: "Yes, it was made here" }).waitFor();
    await page.getByText("It is one of your results").waitFor();
    await accessible();
    await drop(page, [photo("coffee")]);
    await page.getByRole("heading", { name: "Nothing says that it was made with Fewstroke" }).waitFor();
    await page.getByText("That proves nothing").waitFor();
    await drop(page, [{ name: "notes.txt", type: "text/plain", data: Buffer.from("hello").toString("base64") }]);
    await page.getByRole("alert").getByText(/notes.txt/).waitFor();
  });

  it("loses nothing on a reload: examples, photos, style, dials, mask and result", async () => {
    await drop(page, [sample("examples/great-wave.jpg"), sample("examples/poppies.jpg")]);
    await page.locator(".example").nth(1).waitFor();
    await page.getByRole("radio", { name: /Thorough/ }).check();
    await page.getByRole("link", { name: "Use a style" }).first().click();
    await drop(page, [photo("cat"), photo("coffee")]);
    await page.locator(".filmstrip > li").nth(2).waitFor();
    await button("Golden ornament").click();
    await page.getByLabel("Strength").fill("0.7");
    await page.getByRole("button", { name: "Mask", exact: true }).click();
    await page.getByLabel("Painting area").press(" ");
    await button("Apply").click();
    await button("Remove the mask").waitFor();
    await rendered();
    await button("Download all 2").or(button("Render all 2")).first().waitFor();
    await service.idle();
    const renderings = async () =>
      (await service.api("/v1/stylizations?limit=100")).items.filter(({ items }) => items[0].name === "cat.jpg").length;
    await eventually(async () => {
      const record = await page.evaluate(kept, "use");
      assert.deepEqual([record.settings.strength, record.photos.length, record.photos.filter(({ result }) => result).length], [0.7, 2, 2]);
      assert.ok(record.photos[0].mask && record.photos[0].result.key.includes(record.photos[0].mask.id));
    });
    const before = await renderings();
    await page.reload();
    await chosen("Golden ornament");
    await page.locator(".filmstrip > li").nth(2).waitFor();
    await rendered(); // at once: the result was kept
    assert.equal(await page.getByLabel("Strength").inputValue(), "0.7");
    await button("Remove the mask").waitFor();
    assert.equal(await renderings(), before); // the result was kept: it is not rendered again
    await page.getByRole("link", { name: "Make a style" }).first().click();
    await same(() => page.locator(".example").count(), 2);
    assert.ok(await page.getByRole("radio", { name: /Thorough/ }).isChecked());
  });

  it("finds earlier results, and goes on from one with its settings", async () => {
    await page.goto(`${service.url}/#/use`);
    await drop(page, [photo("coffee")]);
    await button("Picture book").click();
    await rendered();
    await page.getByLabel("Strength").fill("0.5");
    await same(async () => (await service.api("/v1/stylizations?limit=100")).items.some(({ settings }) => settings.strength === 0.5), true);
    await rendered();
    await button("Picture book").click();
    await button("Wood engraving").click();
    await rendered();
    await page.getByRole("link", { name: "Results" }).first().click();
    await page.getByRole("img", { name: "coffee.jpg in Wood engraving" }).first().waitFor();
    await accessible();
    const card = page.locator(".results .card", { hasText: "Strength 50 %" }).filter({ hasText: "Picture book" }).first();
    await card.getByRole("button", { name: /Edit again/ }).click();
    await chosen("Picture book");
    assert.equal(await page.getByLabel("Strength").inputValue(), "0.5");
    await rendered();
    await same(() => page.locator(".filmstrip [aria-pressed=true]").count(), 1);
    // Thumbnails are no results of anybody.
    const { items } = await service.api("/v1/stylizations?limit=100");
    await page.getByRole("link", { name: "Results" }).first().click();
    await page.locator(".results .card").first().waitFor();
    assert.ok((await page.locator(".results .card").count()) <= items.length);
    assert.equal(await page.getByText("fewstroke-thumbnail").count(), 0);
  });

  it("sees every style on the photo, and nothing of that is left at the service", async () => {
    await service.idle();
    const left = async () => {
      const all = (await service.api("/v1/stylizations?limit=100")).items.map(({ id, items }) => `${id} ${items[0].name}`);
      return all.filter((one) => !one.endsWith(" fewstroke-thumbnail.webp")); // of styles of one's own: these are kept
    };
    const before = await left();
    await page.goto(`${service.url}/#/use`);
    await drop(page, [photo("coffee")]);
    await same(() => page.locator("[aria-labelledby=ready-styles] .thumb .own").count(), 8);
    await same(left, before);
    const square = await page.locator(".picker .thumb .own").first().evaluate((one) => one.naturalWidth);
    assert.equal(square, 256);
  });

  it("looks closely: the result first, the photo while it is held", async () => {
    await page.goto(`${service.url}/#/use`);
    await drop(page, [photo("cat")]);
    await button("Woodblock waves").click();
    await rendered();
    const slider = page.getByLabel("Compare before and after");
    assert.equal(await slider.inputValue(), "0"); // all of the result
    const hold = page.locator(".look .hold");
    await hold.focus();
    await page.keyboard.down(" ");
    await page.locator(".compare.peek").waitFor();
    await page.keyboard.up(" ");
    await page.locator(".compare.peek").waitFor({ state: "detached" });
    await button("Look closely").click();
    await accessible();
    const area = page.locator(".viewer .area");
    const view = () => area.evaluate((one) => one.style.getPropertyValue("--view"));
    await button("Zoom in").click();
    await button("Zoom in").click();
    await same(async () => /scale\(2\.25\)/.test(await view()), true);
    await page.keyboard.press("ArrowLeft");
    await same(async () => (await view()).startsWith("translate(60px"), true);
    await button(/whole picture$/).click();
    await same(async () => (await view()).includes("scale(1)"), true);
    const box = await area.boundingBox();
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await page.mouse.down();
    await page.locator(".viewer .peek").waitFor();
    await page.mouse.up();
    await page.locator(".viewer .peek").waitFor({ state: "detached" });
    await page.keyboard.press("Escape");
    await page.locator(".viewer").waitFor({ state: "detached" });
  });

  it("chooses among variations", async () => {
    await page.goto(`${service.url}/#/use`);
    await drop(page, [photo("cat")]);
    await button("Woodblock waves").click();
    await rendered();
    await button("Variations").click();
    await same(() => page.locator(".variations img").count(), 9);
    await accessible();
    await button("Strength 130 %, Strokes: Broad").click();
    await same(() => page.getByLabel("Strength").inputValue(), "1.3");
    assert.ok(await page.getByRole("radio", { name: "Broad" }).isChecked());
    await rendered();
  });

  it("puts a message away at the next touch of a phone, and leaves an error", async () => {
    const phone = await openPage(browser, service.url, { viewport: { width: 390, height: 800 }, hasTouch: true, isMobile: true });
    const notes = { name: "notes.txt", type: "text/plain", data: "aGk=" };
    const toasts = phone.page.locator(".toast");
    try {
      await phone.page.addInitScript(() => {
        const usual = globalThis.setTimeout;
        globalThis.setTimeout = (work, ms, ...given) => (ms === 6000 ? 0 : usual(work, ms, ...given)); // none goes by itself
      });
      await phone.page.goto(`${service.url}/#/use`);
      await drop(phone.page, [...Array.from({ length: 17 }, (_, index) => ({ ...notes, name: `${index}.jpg` })), notes]);
      await toasts.getByText("One file is neither photo nor ZIP").waitFor();
      await phone.page.getByRole("heading", { name: "17 photos" }).tap();
      await eventually(async () => assert.equal(await toasts.count(), 0));
      await drop(phone.page, [notes]);
      await toasts.tap({ position: { x: 40, y: 12 } });
      await eventually(async () => assert.equal(await toasts.count(), 0));
      await phone.page.goto(`${service.url}/#/make`);
      await drop(phone.page, [notes]);
      await phone.page.getByRole("alert").waitFor();
      await phone.page.getByRole("heading", { level: 1 }).tap();
      assert.equal(await phone.page.getByRole("alert").count(), 1);
    } finally {
      await phone.context.close();
    }
    assert.deepEqual(phone.problems, []);
  });

  it("has what is needed under the thumb on a phone, in Chinese too", async () => {
    const phone = await openPage(browser, service.url, { locale: "en-GB", viewport: { width: 390, height: 800 }, hasTouch: true, isMobile: true });
    try {
      await phone.page.goto(`${service.url}/#/use`);
      await drop(phone.page, [photo("cat")]);
      await phone.page.getByRole("button", { name: "Woodblock waves" }).click();
      await phone.page.locator(".taking .primary:enabled").waitFor();
      for (const name of ["Download", "Share"]) assert.ok(await phone.page.getByRole("button", { name, exact: true }).evaluate((one) => one.getBoundingClientRect().bottom <= innerHeight));
      // 44 px to hit, or an area of that size around it.
      const small = await phone.page.evaluate(() =>
        [...document.querySelectorAll("button, nav a, .top a, summary, select, input[type=range]")]
          .filter((one) => one.checkVisibility() && !one.closest("[hidden], .skip"))
          .filter((one) => {
            const { width, height } = one.getBoundingClientRect();
            const more = getComputedStyle(one, "::after");
            const around = more.position === "absolute" && more.content !== "none" ? Math.max(0, -2 * parseFloat(more.top)) : 0;
            return Math.min(width, height) + around < 43.5;
          })
          .map((one) => one.outerHTML.slice(0, 120)),
      );
      assert.deepEqual(small, []);
      await phone.page.getByRole("button", { name: "Language and look" }).click();
      await phone.page.getByRole("radio", { name: "Dark" }).check();
      const paper = () => phone.page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
      await same(paper, "rgb(20, 19, 17)");
      await phone.page.getByRole("radio", { name: "中文" }).click();
      await phone.page.getByRole("heading", { level: 1, name: "使用风格" }).waitFor();
      await same(paper, "rgb(20, 19, 17)");
      await phone.page.locator(".filmstrip > li").nth(1).waitFor(); // the photo is still there
      assert.deepEqual(await violations(phone.page), []);
    } finally {
      await phone.context.close();
    }
    assert.deepEqual(phone.problems, []);
  });

  it("is told at once of a file that cannot be used, by its name", async () => {
    const wave = sample("examples/great-wave.jpg");
    await drop(page, [wave, wave]);
    await page.getByText("“great-wave.jpg” is here already").waitFor();
    assert.equal(await page.locator(".example").count(), 1);
    await drop(page, [{ name: "IMG_1.HEIC", type: "image/heic", data: Buffer.from("....ftypheic").toString("base64") }]);
    await page.getByRole("alert").getByText(/“IMG_1.HEIC”: /).waitFor();
    // What only the service finds out has the name of the file, too.
    const refusal = { type: "about:blank", title: "Damaged image", status: 422, code: "image_corrupt", detail: "File 1 of `examples` is damaged." };
    await page.route("**/v1/styles", (route) => route.fulfill({ status: 422, contentType: "application/problem+json", body: JSON.stringify(refusal) }), { times: 1 });
    await button("Learn this style").click();
    await page.getByRole("alert").getByText(/“great-wave.jpg”: A file is damaged/).waitFor();
    // A picture that moves stands still among examples; AVIF is taken where the browser reads it.
    const gif = "R0lGODlhEAAQAIAAAP8AAAAA/yH/C05FVFNDQVBFMi4wAwEAAAAh+QQACgAAACwAAAAAEAAQAAACDoSPqcvtD6OctNqLsz4FACH5BAAKAAAALAAAAAAQABAAAAIOjI+py+0Po5y02ouzPgUAOw==";
    await drop(page, [{ name: "moves.gif", type: "image/gif", data: gif }]);
    await page.getByText("“moves.gif” moves: its first frame is used").waitFor();
    await same(() => page.locator(".example").count(), 2);
    await button("Start over").click();
    await button("Undo").click();
    await same(() => page.locator(".example").count(), 2);
  });

  it("opens the page of a style: what it was learned from, its files", async () => {
    const id = await makeStyle(service, "Mine", [sample("examples/poppies.jpg"), sample("examples/great-wave.jpg")]);
    await page.getByRole("link", { name: "My styles" }).first().click();
    await page.locator(".strip-of.small img").nth(1).waitFor();
    await page.getByRole("link", { name: /^Mine/ }).first().click();
    await page.waitForURL(new RegExp(`#/styles/${id}`));
    await page.locator(".strip-of img").nth(1).waitFor();
    // The dials are tried on the preview, stay for its use, and are in the line of code.
    await page.getByLabel("Strength").fill("0.5");
    await page.locator(".preview .tried").waitFor();
    await page.locator("summary", { hasText: "Copy as code" }).click();
    const line = await page.getByLabel("curl", { exact: true }).textContent();
    assert.ok(line.includes(`style_id=${id}`) && line.includes("strength=0.5"), line);
    await accessible();
    const saved = page.waitForEvent("download");
    await button("Style file").click();
    assert.equal((await saved).suggestedFilename(), "Mine.safetensors");
    await page.getByRole("link", { name: "Use it" }).click();
    await chosen("Mine");
    assert.equal(await page.getByLabel("Strength").inputValue(), "0.5");
    await page.goto(`${service.url}/#/styles/${id.slice(0, -4)}0000`);
    await page.getByRole("alert").waitFor();
  });

  it("says that a photo waits for its turn until that has come", async () => {
    await page.route("**/v1/jobs/*/events", () => new Promise(() => undefined)); // nothing is heard of the job
    await page.goto(`${service.url}/#/use`);
    await drop(page, [photo("cat")]);
    await button("Woodblock waves").click();
    const says = page.locator(".stage .state");
    await same(() => says.textContent(), "Waiting for its turn…");
    await page.unroute("**/v1/jobs/*/events");
    await page.getByLabel("Strength").fill("0.8");
    await rendered();
    await same(() => says.textContent(), "");
  });
});
