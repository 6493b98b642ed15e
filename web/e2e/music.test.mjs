// Works of a composer in, a song in that manner out, seen and heard.
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { eventually, violations } from "./acts.mjs";
import { openPage, startBrowser, startService } from "./harness.mjs";

const SLOW = 400_000; // ms; the real network learns here

/** A MIDI file: 64 quarters that go up and down a scale. */
function song(number) {
  const scale = [60, 62, 64, 65, 67, 69, 71, 72];
  const notes = Array.from({ length: 64 }, (_, i) => scale[Math.abs(((i * number + number) % 14) - 7)]);
  const events = notes.flatMap((pitch) => [0, 0x90, pitch, 80, 0x83, 0x60, 0x80, pitch, 0]);
  const track = [...events, 0, 0xff, 0x2f, 0];
  const length = [24, 16, 8, 0].map((shift) => (track.length >> shift) & 0xff);
  const head = [0x4d, 0x54, 0x68, 0x64, 0, 0, 0, 6, 0, 0, 0, 1, 0x01, 0xe0];
  const bytes = Buffer.from([...head, 0x4d, 0x54, 0x72, 0x6b, ...length, ...track]);
  return { name: `song-${number}.mid`, mimeType: "audio/midi", buffer: bytes };
}

describe("a composer's manner", { timeout: 900_000 }, () => {
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
  });
  afterEach(async () => {
    await context.close();
    assert.deepEqual(problems, []);
  });

  it("is learned from works, and a song comes that can be seen, heard, varied and taken away", async () => {
    await page.getByRole("link", { name: /new songs out/ }).click();
    await page.getByRole("heading", { level: 1, name: "A composer’s manner" }).waitFor();
    await page.locator("input[type=file]").setInputFiles([song(1), song(2), { ...song(3), name: "photo.jpg" }]);
    await page.getByText("“photo.jpg” is no MIDI").waitFor();
    await eventually(async () => assert.equal(await page.locator(".works li").count(), 2));
    assert.deepEqual(await violations(page), []);
    await page.getByRole("button", { name: "Learn the manner" }).click();
    await page.getByRole("button", { name: "Compose" }).waitFor({ timeout: SLOW });
    await page.getByLabel("Bars").fill("4");
    await page.getByLabel("Mood").selectOption("Quiet and sad");
    await page.getByRole("button", { name: "Compose" }).click();
    const article = page.getByRole("article");
    await article.waitFor({ timeout: SLOW });
    const title = await article.getByRole("heading").textContent();
    assert.match(title, /minor$/);
    await eventually(async () => assert.ok(await page.locator("img.score").evaluate((image) => image.naturalWidth > 100)));
    assert.ok((await page.locator(".roll rect").count()) > 5);
    assert.deepEqual(await violations(page), []);
    const download = page.waitForEvent("download");
    await article.getByRole("button", { name: "Download mid" }).click();
    assert.match((await download).suggestedFilename(), /\.mid$/);

    const before = await page.locator("img.score").getAttribute("src");
    await page.getByRole("button", { name: "Another one" }).click();
    await eventually(async () => assert.notEqual(await page.locator("img.score").getAttribute("src"), before));

    await page.goto(`${service.url}#/styles`);
    await page.getByText("Nothing here yet").or(page.getByRole("heading", { level: 1 })).first().waitFor();
    assert.equal(await page.locator(".styles .card").count(), 0, "manners are not offered for photos");
  });
});
