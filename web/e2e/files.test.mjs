// What goes in and comes out: formats that the browser cannot show, photos that move, results of earlier days, styles
// that nobody kept.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { promisify } from "node:util";
import { colourAt, distance, drop, eventually, learnSample, makeStyle, violations } from "./acts.mjs";
import { openPage, PYTHON, ROOT, sample, startBrowser, startService } from "./harness.mjs";

const photo = (name) => sample(`photos/${name}.jpg`);
const HEIC = join(ROOT, "tests/app/imaging/two_colours.heic");

/** A file that Pillow writes, in base64: `program` writes it to `out`. */
async function written(program) {
  const script = `import base64, io; from PIL import Image; out = io.BytesIO(); ${program}; print(base64.b64encode(out.getvalue()).decode())`;
  return (await promisify(execFile)(PYTHON, ["-c", script])).stdout.trim();
}
const moving = () =>
  written("frames = [Image.new('RGB', (96, 64), (x * 60, 90, 200 - x * 50)) for x in range(4)]; frames[0].save(out, 'GIF', save_all=True, append_images=frames[1:], duration=80, loop=0)");

describe("files", { timeout: 900_000 }, () => {
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
  const rendered = () => page.locator(".taking .primary:enabled").waitFor();
  const chosen = (name) => page.getByRole("button", { name, pressed: true }).waitFor();

  it("takes a HEIC photo by way of the service, as example and as photo", async () => {
    const { input_formats } = (await service.api("/v1/models")).items[0];
    assert.ok(input_formats.includes("heic"), "the extra `heic` is a part of the development environment");
    const file = { name: "IMG_7.HEIC", type: "image/heic", data: (await readFile(HEIC)).toString("base64") };
    await drop(page, [file]);
    await page.locator(".example img").waitFor();
    await page.goto(`${service.url}/#/use`);
    await drop(page, [file]);
    await button("Woodblock waves").click();
    await rendered();
    const [left, right] = [await colourAt(page, ".compare .before", 0.1, 0.5), await colourAt(page, ".compare .before", 0.9, 0.5)];
    assert.ok(distance(left, [220, 40, 30]) < 25 && distance(right, [20, 60, 200]) < 25, `${left} ${right}`);
    assert.ok(distance(left, await colourAt(page, ".compare .after", 0.1, 0.5)) > 12, "the style shows");
  });

  it("names a HEIC that neither browser nor server reads, and one that is damaged", async () => {
    const detail = "`file` is a HEIC picture: send JPEG, PNG, WebP or GIF pictures.";
    const refusal = { type: "about:blank", title: "Unsupported", status: 415, code: "image_format_unsupported", detail };
    await page.route("**/v1/images/plain", (route) => route.fulfill({ status: 415, contentType: "application/problem+json", body: JSON.stringify(refusal) }), { times: 1 });
    const data = (await readFile(HEIC)).toString("base64");
    await drop(page, [{ name: "IMG_8.HEIC", type: "image/heic", data }]);
    await page.getByRole("alert").getByText("“IMG_8.HEIC” is a HEIC or AVIF picture, which neither").waitFor();
    await drop(page, [{ name: "IMG_9.HEIC", type: "image/heic", data: data.slice(0, 400) }]);
    await page.getByRole("alert").getByText(/“IMG_9.HEIC”: .*damaged/).waitFor();
    assert.equal(await page.locator(".example").count(), 0);
  });

  it("takes an AVIF picture", async () => {
    const data = await written("Image.new('RGB', (80, 60), (200, 120, 20)).save(out, 'AVIF')");
    await drop(page, [{ name: "a.avif", type: "image/avif", data }]);
    await page.locator(".example img").waitFor();
  });

  it("puts a photo that moves into a style, as the kind of file that is asked for", async () => {
    await page.goto(`${service.url}/#/use`);
    await drop(page, [{ name: "loop.gif", type: "image/gif", data: await moving() }]);
    await button("Golden ornament").click();
    await rendered();
    await page.getByText("A mask works on photos that stand still").waitFor();
    assert.ok(await page.getByRole("button", { name: "Mask", exact: true }).isDisabled());
    await page.locator("summary", { hasText: "File" }).click();
    await page.getByRole("radio", { name: "GIF" }).check();
    await rendered();
    await accessible();
    const save = page.waitForEvent("download");
    await page.getByRole("button", { name: "Download", exact: true }).click();
    const file = await save;
    assert.equal(file.suggestedFilename(), "loop-golden-ornament.gif");
    const bytes = await readFile(await file.path());
    assert.equal(bytes.subarray(0, 3).toString(), "GIF");
    assert.ok(bytes.includes("NETSCAPE2.0"), "it still moves");
    await button("Copy as code").click();
    assert.match(await page.getByLabel("curl", { exact: true }).textContent(), /clip_format=gif/);
  });

  it("offers works of several artists to learn from, in no order that counts", async () => {
    const sets = page.locator("button.set");
    await same(() => sets.count(), 4);
    for (const [index, artist] of ["Katsushika Hokusai", "Wassily Kandinsky", "Walter Crane", "Gustave Doré"].entries())
      assert.match(await sets.nth(index).textContent(), new RegExp(artist));
    await sets.nth(3).click();
    await page.locator(".example").nth(3).waitFor();
    assert.equal(await page.getByRole("button", { name: /earlier|later|^move/i }).count(), 0);
  });

  it("asks what becomes of a style that was learned and not kept", async () => {
    await learnSample(page);
    await page.getByText("Your style is ready").waitFor();
    await page.getByRole("link", { name: "My styles" }).first().click();
    await page.getByText("One style was learned and not kept yet").waitFor();
    await accessible();
    await page.reload();
    await page.getByText("One style was learned and not kept yet").waitFor();
    await button("Discard").click();
    await page.locator(".mine .card").waitFor({ state: "detached" });
    await button("Undo").click();
    await page.locator(".mine .card").first().waitFor();
    await page.getByRole("button", { name: "Keep", exact: true }).click();
    await page.getByText("not kept yet").waitFor({ state: "detached" });
    await page.reload();
    await page.locator(".mine .card").first().waitFor();
    assert.equal(await page.getByText("not kept yet").count(), 0);
    // One's own come before the ready ones as soon as there are any.
    await page.getByRole("link", { name: "Use a style" }).first().click();
    await page.getByRole("heading", { name: "Ready styles" }).waitFor();
    await same(() => page.locator(".picker h3").allTextContents(), ["My styles", "Ready styles"]);
  });

  it("finds a style among many, and sorts them", async () => {
    const names = Array.from({ length: 13 }, (_, index) => `Number ${String.fromCharCode(77 - index)}`);
    for (const name of names) await makeStyle(service, name, [sample("examples/poppies.jpg")]);
    await page.getByRole("link", { name: "My styles" }).first().click();
    await page.getByLabel("Order").selectOption({ label: "By name" });
    const shown = () => page.locator(".card strong").allTextContents();
    await same(async () => (await shown()).filter((name) => name.startsWith("Number"))[0], "Number A");
    await page.getByLabel("Search your styles").fill("number c");
    await same(shown, ["Number C"]);
    await accessible();
    await page.getByLabel("Search your styles").fill("nothing like it");
    await page.getByText("No style is called “nothing like it”").waitFor();
  });

  it("looks at an earlier result, compares it, and shares it", async () => {
    await page.goto(`${service.url}/#/use`);
    await drop(page, [photo("coffee")]);
    await button("Picture book").click();
    await chosen("Picture book");
    await rendered();
    await page.getByRole("link", { name: "Results" }).first().click();
    await page.getByRole("button", { name: /^Look closely: Picture book/ }).first().click();
    await page.locator(".viewer .before").waitFor({ state: "attached" });
    const [before, after] = await page.locator(".viewer img").evaluateAll((all) => all.map(({ src }) => src));
    assert.notEqual(before, after);
    await accessible();
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: /^Share: Picture book/ }).first().click();
    await button("Copy a link").click();
    const link = await page.getByLabel("Link", { exact: true }).inputValue();
    await accessible();
    await page.goto(link);
    await page.getByRole("heading", { name: "A photo in “Picture book”" }).waitFor();
  });
});
