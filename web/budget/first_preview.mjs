// From the press of “Learn this style” to the first picture on the easel: five paintings, the real model.
import { drop } from "../e2e/acts.mjs";
import { openPage, sample } from "../e2e/harness.mjs";

const EXAMPLES = ["great-wave", "ejiri-in-suruga", "kazusa-sea-route", "ryogoku-bridge", "poppies"];

/** Milliseconds from the press on the page to each thing that follows it, in one new page. */
export async function firstPreview(browser, service) {
  const { context, page } = await openPage(browser, service.url);
  try {
    await page.goto(service.url);
    await drop(page, EXAMPLES.map((name) => sample(`examples/${name}.jpg`)));
    await page.locator(".example").nth(EXAMPLES.length - 1).waitFor();
    const button = page.getByRole("button", { name: "Learn this style" });
    await button.hover(); // it stands still and may be pressed
    await page.evaluate(() => {
      const times = (globalThis.times = {});
      addEventListener("click", () => (times.press = performance.now()), { capture: true, once: true });
      const look = () => {
        const image = document.querySelector(".easel > img");
        if (!image?.complete) return requestAnimationFrame(look);
        requestAnimationFrame(() => setTimeout(() => (times.seen = performance.now()))); // after it was painted
      };
      look();
    });
    await button.click();
    await page.waitForFunction(() => globalThis.times.seen);
    const job = page.url().split("/").pop();
    const found = await page.evaluate(() => {
      const { press, seen } = globalThis.times;
      const requests = performance.getEntriesByType("resource").filter((entry) => /\/v1\/(styles|jobs\/\w+\/events)$/.test(entry.name));
      const post = requests.find((entry) => entry.name.endsWith("/v1/styles"));
      return { press, seen, sent: post.startTime, accepted: post.responseEnd, origin: performance.timeOrigin };
    });
    const { created_at, started_at } = await service.api(`/v1/jobs/${job}`);
    const after = (at) => Math.round(at - found.press);
    const since = (time) => after(Date.parse(time) - found.origin);
    await service.api(`/v1/jobs/${job}/cancel`, { method: "POST" });
    await service.idle();
    return {
      upload_began: after(found.sent),
      upload_accepted: after(found.accepted),
      job_created: since(created_at),
      worker_began: since(started_at),
      preview_seen: after(found.seen),
    };
  } finally {
    await context.close();
  }
}
