// What a person has done stays, and goes on, when something around it goes wrong.
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { drop, eventually, learnSample, makeStyle } from "./acts.mjs";
import { openPage, sample, startBrowser, startService } from "./harness.mjs";

const examples = ["great-wave", "poppies"].map((name) => sample(`examples/${name}.jpg`));
const away = { status: 503, headers: { "Retry-After": "1" }, body: "" };

describe("mishaps", { timeout: 600_000 }, () => {
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
  const open = (name) => page.getByRole("link", { name }).first().click();
  const rendered = () => page.locator(".taking .primary:enabled").waitFor();

  it("a deleted style is no part of the next rendering", async () => {
    await makeStyle(service, "Gone", [examples[0]]);
    await makeStyle(service, "Kept", [examples[1]]);
    await open("Use a style");
    await button("Gone").click();
    await rendered();
    await open("My styles");
    await button("Delete: Gone").click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await page.getByRole("link", { name: /Gone/ }).first().waitFor({ state: "detached" });
    await open("Use a style");
    await button("Delete: Kept").waitFor({ state: "detached" }); // the list of styles has gone
    await button("Kept").click();
    await rendered();
    assert.equal(await page.locator(".shares").count(), 0); // one style: nothing is blended
  });

  it("an answer that was on its way when a style was deleted does not bring it back", async () => {
    await makeStyle(service, "Fleeting", [examples[0]]);
    await open("My styles");
    await button("Delete: Fleeting").waitFor();
    await open("Use a style");
    let answer;
    const held = new Promise((resolve) => (answer = resolve));
    const asked = page.waitForRequest(/\/v1\/styles\?/);
    const list = async (route) => {
      const response = await route.fetch();
      await held;
      await route.fulfill({ response });
    };
    await page.route(/\/v1\/styles\?/, list, { times: 1 });
    await open("My styles");
    await asked;
    await button("Delete: Fleeting").click();
    const gone = page.getByText("“Fleeting” was deleted.");
    const said = () => gone.waitFor({ timeout: 3000 }).then(() => true, () => false);
    do { // refused while the picture that was begun above needs it
      await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    } while (!(await said()));
    const arrived = page.waitForResponse(/\/v1\/styles\?/);
    answer();
    await (await arrived).finished();
    await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
    assert.equal(await button("Delete: Fleeting").count(), 0);
  });

  it("an outage is not counted in the time that is left", async () => {
    const slow = await startService({ FEWSTROKE_SCRIPTED_STEP: "0.4" });
    const visit = await openPage(browser, slow.url);
    try {
      await visit.page.clock.install();
      await visit.page.goto(slow.url);
      await slow.hold();
      await learnSample(visit.page);
      await visit.page.locator(".easel > img").waitFor();
      await visit.page.clock.fastForward("05:00:00");
      await slow.killWorker();
      await visit.page.getByText("The server restarted").waitFor();
      await slow.release();
      await visit.page.getByText(/about \d+\ss left/).waitFor();
      assert.match(await visit.page.locator(".times").textContent(), /30\d\smin/); // what has passed has passed
    } finally {
      await visit.context.close();
      await slow.stop();
    }
  });

  it("a result of 4096 px is made of the whole file", async () => {
    const wide = (width, height, type) =>
      page.evaluate(
        ([width, height, type]) => {
          const canvas = Object.assign(document.createElement("canvas"), { width, height });
          canvas.getContext("2d").fillRect(0, 0, width / 2, height);
          return canvas.toDataURL(type).split(",")[1];
        },
        [width, height, type],
      );
    const data = await wide(3000, 1500, "image/jpeg");
    await makeStyle(service, "Large", [examples[0]]);
    await open("Use a style");
    await drop(page, [{ name: "wide.jpg", type: "image/jpeg", data }]);
    await button("Large").click();
    await rendered();
    /** The widest of the results: thumbnails are rendered, too. */
    const widest = async () => {
      const { items } = await service.api("/v1/stylizations?limit=50");
      const ids = items.flatMap(({ images }) => images.map(({ id }) => id));
      return Math.max(...(await Promise.all(ids.map((id) => service.api(`/v1/images/${id}`)))).map(({ width }) => width));
    };
    await eventually(async () => assert.equal(await widest(), 1280));
    await page.locator("summary", { hasText: "File" }).click();
    await page.getByLabel("Longest side").selectOption("4096");
    await eventually(async () => assert.equal(await widest(), 3000));
    // A panorama that the service would refuse as it is.
    const data2 = await wide(9000, 900, "image/jpeg");
    await drop(page, [{ name: "panorama.jpg", type: "image/jpeg", data: data2 }]);
    await eventually(async () => assert.equal(await widest(), 4096));
  });

  it("Stop can be pressed again when it was not heard", async () => {
    await service.hold();
    await learnSample(page);
    await page.locator(".easel > img").waitFor();
    await page.route("**/cancel", (route) => route.fulfill(away), { times: 1 });
    await button("Stop learning").click();
    await page.locator(".toast.error").waitFor();
    await button("Stop learning").click();
    await heading("Learning was stopped");
  });

  it("a job is shown as soon as the service answers, and ends although it once did not", async () => {
    await service.hold();
    await learnSample(page);
    await page.locator(".easel > img").waitFor();
    const job = /v1\/jobs\/job_[a-z0-9]+$/;
    await page.goto("about:blank");
    await page.route(job, (route) => route.fulfill(away), { times: 2 });
    await page.goBack();
    await page.locator(".easel > img").waitFor();
    await page.route(job, (route) => route.fulfill(away), { times: 1 });
    await service.release();
    await heading("Learned");
    await button("Discard").click();
    await heading("Teach it a style");
  });

  it("keeping a style leaves the pictures for another one alone", async () => {
    await service.hold();
    await learnSample(page);
    await page.locator(".easel > img").waitFor();
    const job = page.url();
    await page.goto(`${service.url}/#/make`);
    await button("Start over").click();
    await page.locator("button.set").nth(1).click();
    await page.locator(".example").nth(3).waitFor(); // a set is of four works
    await page.goto(job);
    await service.release();
    await heading("Learned");
    await button("Keep it").click();
    await page.waitForURL(/#\/use/);
    await page.goto(`${service.url}/#/make`);
    await page.locator(".example").nth(3).waitFor();
    assert.equal(await page.locator(".example").count(), 4);
  });

  it("every style can be chosen, however many there are", async () => {
    const first = await makeStyle(service, "The first", [examples[0]]);
    const file = await (await fetch(`${service.url}/v1/styles/${first}/file`)).blob();
    for (let index = 0; index < 25; index++) {
      const form = new FormData();
      form.append("file", file, "style.safetensors");
      form.append("name", `Copy ${index}`);
      await service.api("/v1/styles/import", { method: "POST", body: form });
    }
    await open("Use a style");
    await button("Copy 24").waitFor();
    assert.equal(await button("The first").count(), 0);
    await button("Show more").click();
    await button("The first").click();
    await rendered();
  });

  it("thumbnails come when the service is there again", async () => {
    await makeStyle(service, "Late", [examples[1]]);
    await page.route("**/v1/stylizations", (route) => route.abort(), { times: 2 });
    await open("My styles");
    await page.getByRole("img", { name: "The sample photo in “Late”" }).first().waitFor();
  });
});
