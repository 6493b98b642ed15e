// The page of `fewstroke judge`: by keys alone, by mouse, and when the server is away.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { promisify } from "node:util";
import { eventually, violations } from "./acts.mjs";
import { openPage, PYTHON, ROOT, startBrowser, startService } from "./harness.mjs";

describe("judge", { timeout: 300_000 }, () => {
  let folder, service, browser, context, page, problems, judge;
  let judges = 0;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "fewstroke-judge-"));
    await promisify(execFile)(PYTHON, ["-m", "tests.studio.pairs", folder], { cwd: ROOT });
    const command = ["-m", "app.cli", "judge", join(folder, "pairs"), "--port", "0"];
    [service, browser] = await Promise.all([startService({}, command), startBrowser()]);
  });
  after(async () => {
    await browser?.close();
    await service?.stop();
    await rm(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    ({ context, page, problems } = await openPage(browser, service.url));
    judge = `judge ${++judges}`; // each test votes under a name of its own
  });
  afterEach(async () => {
    await context.close();
    assert.deepEqual(problems, []);
  });

  async function begin() {
    await page.goto(service.url);
    await page.getByLabel("Your name or initials").fill(judge);
    await page.keyboard.press("Enter");
  }
  const pair = (number) => page.getByRole("heading", { level: 1, name: `Pair ${number} of 3` }).waitFor();
  const done = () => page.getByRole("heading", { level: 1, name: "All pairs are judged" }).waitFor();
  const pressed = (name, group) =>
    page.getByRole("group", { name: group }).getByRole("button", { name, pressed: true });

  async function votes() {
    const lines = (await readFile(join(folder, "pairs", "votes.jsonl"), "utf8").catch(() => "")).split("\n");
    return lines
      .filter(Boolean)
      .map((line) => JSON.parse(line))
      .filter((vote) => vote.judge === judge)
      .map((vote) => [vote.pair, vote.preferred, vote.left_grade, vote.right_grade].join());
  }

  it("is judged by keys alone, and goes on where it was", async () => {
    await begin();
    await pair(1);
    for (const key of ["ArrowRight", "1", "6"]) await page.keyboard.press(key);
    await page.keyboard.press("Enter");
    await pair(2);
    await eventually(async () => assert.deepEqual(await votes(), ["1,right,in the style,ugly"]));
    await begin();
    await pair(2);
    await page.keyboard.press("Backspace");
    await pair(1);
    await pressed("in the style", "Grade of the left one").waitFor();
    for (const key of ["ArrowLeft", "Enter"]) await page.keyboard.press(key);
    await pair(2);
    await eventually(async () => assert.equal((await votes()).at(-1), "1,left,in the style,ugly"));
  });

  it("is judged by mouse, and a pair without all three answers is not left", async () => {
    await begin();
    await pair(1);
    const next = page.getByRole("button", { name: "Next" });
    assert.ok(await next.isDisabled());
    await page.getByRole("button", { name: "Left result" }).click();
    await page.keyboard.press("Enter");
    await pair(1);
    for (const side of ["left", "right"])
      await page.getByRole("group", { name: `Grade of the ${side} one` }).getByRole("button", { name: "mild filter" }).click();
    await next.click();
    await pair(2);
    await eventually(async () => assert.deepEqual(await votes(), ["1,left,mild filter,mild filter"]));
  });

  it("single keys do nothing when they are switched off", async () => {
    await begin();
    await pair(1);
    await page.getByLabel("Keyboard shortcuts").uncheck();
    for (const key of ["ArrowRight", "1", "4", "Enter"]) await page.keyboard.press(key);
    await pair(1);
    assert.equal(await page.locator("[aria-pressed=true]").count(), 0);
  });

  it("a vote outlives a server that is away, and a page that is closed meanwhile", async () => {
    await begin();
    await pair(1);
    const post = (route) => (route.request().method() === "POST" ? route.abort() : route.fallback());
    await page.route("**/votes", post);
    for (const key of ["ArrowRight", "2", "5", "Enter"]) await page.keyboard.press(key);
    await pair(2);
    await page.getByRole("status").filter({ hasText: "not kept yet" }).waitFor();
    assert.deepEqual(await votes(), []);
    await page.unroute("**/votes", post);
    await begin();
    await pair(2);
    await eventually(async () => assert.deepEqual(await votes(), ["1,right,mild filter,mild filter"]));
  });

  it("breaks no rule of accessibility, in either scheme, from beginning to end", async () => {
    await page.goto(service.url);
    assert.deepEqual(await violations(page), []);
    await begin();
    await pair(1);
    for (const key of ["ArrowRight", "1", "6"]) await page.keyboard.press(key);
    assert.deepEqual(await violations(page), []);
    for (const number of [1, 2, 3]) {
      await pair(number);
      for (const key of ["ArrowRight", "1", "6", "Enter"]) await page.keyboard.press(key);
    }
    await done();
    assert.deepEqual(await violations(page), []);
  });

  it("speaks Chinese to a browser that does", async () => {
    await context.close();
    ({ context, page, problems } = await openPage(browser, service.url, { locale: "zh-CN" }));
    await page.goto(service.url);
    await page.getByRole("button", { name: "开始" }).waitFor();
    assert.equal(await page.evaluate(() => document.documentElement.lang), "zh-CN");
  });
});
