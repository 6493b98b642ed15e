// Nothing that axe objects to, and nothing wider than the screen, in any state: in light on a desk,
// in dark on a phone.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { violations } from "./acts.mjs";
import { openPage, startBrowser, startService } from "./harness.mjs";
import { states, stock, tidy } from "./states.mjs";

describe("every state", { timeout: 900_000 }, () => {
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
        assert.deepEqual(await violations(page, ["light"]), []);
        await page.setViewportSize({ width: 390, height: 844 });
        assert.deepEqual(await violations(page, ["dark"]), []);
        const [content, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
        assert.ok(content <= screen, `${content} px of content on ${screen} px`);
        assert.deepEqual(problems, []);
      } finally {
        await context.close();
        await tidy(service, styles);
      }
    });
});
