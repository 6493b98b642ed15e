// Nothing that axe objects to or cannot decide, and nothing wider than the screen, in any state: at three widths, in
// light and in dark, the smallest under fingers.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { asPhone, violations } from "./acts.mjs";
import { openPage, startBrowser, startService } from "./harness.mjs";
import { states, stock, tidy } from "./states.mjs";

describe("every state", { timeout: 1_800_000 }, () => {
  let service, browser, styles;

  before(async () => {
    [service, browser] = await Promise.all([startService(), startBrowser()]);
    styles = await stock(service);
  });
  after(async () => {
    await browser?.close();
    await service?.stop();
  });

  for (const { name, reach, locale = "en-GB" } of states)
    it(name, async () => {
      const { context, page, problems } = await openPage(browser, service.url, { locale });
      try {
        await reach({ page, context, service, styles });
        for (const width of [1440, 820, 390]) {
          await page.setViewportSize({ width, height: 900 });
          if (width === 390) await asPhone(context, page);
          await page.evaluate(() => scrollTo(0, 0)); // what lies under the sticky photo cannot be decided
          assert.deepEqual(await violations(page, { all: true }), [], `${width} px`);
          const [content, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
          assert.ok(content <= screen, `${content} px of content on ${screen} px`);
        }
        assert.deepEqual(problems, []);
      } finally {
        await context.close();
        await tidy(service, styles);
      }
    });
});
