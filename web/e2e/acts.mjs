// What a person does, in the words of the tests.
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import axe from "axe-core";
import { PATIENCE } from "./harness.mjs";

/** Repeat `check` until it passes: what it reads may come a moment later. Its last error, when it never does. */
export async function eventually(check) {
  const end = Date.now() + PATIENCE;
  for (;;)
    try {
      return await check();
    } catch (error) {
      if (Date.now() > end) throw error;
      await sleep(50);
    }
}

/** Drop files on the page: paths, or `{ name, type, data }`. */
export async function drop(page, files) {
  const loaded = await Promise.all(
    files.map(async (file) =>
      typeof file === "string"
        ? { name: basename(file), type: "image/jpeg", data: (await readFile(file)).toString("base64") }
        : file,
    ),
  );
  await page.evaluate((given) => {
    const transfer = new DataTransfer();
    for (const { name, type, data } of given) {
      const bytes = Uint8Array.from(atob(data), (char) => char.charCodeAt(0));
      transfer.items.add(new File([bytes], name, { type }));
    }
    for (const kind of ["dragenter", "dragover", "drop"])
      document.body.dispatchEvent(new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true }));
  }, loaded);
}

/** Paste picture files, as from a clipboard. */
export async function paste(page, files) {
  const loaded = await Promise.all(
    files.map(async (path) => ({ name: basename(path), data: (await readFile(path)).toString("base64") })),
  );
  await page.evaluate((given) => {
    const clipboardData = new DataTransfer();
    for (const { name, data } of given) {
      const bytes = Uint8Array.from(atob(data), (char) => char.charCodeAt(0));
      clipboardData.items.add(new File([bytes], name, { type: "image/jpeg" }));
    }
    document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
  }, loaded);
}

/** From now on the page is under fingers: nothing hovers. There is no way back. */
export async function asPhone(context, page) {
  const session = await context.newCDPSession(page);
  await session.send("Emulation.setTouchEmulationEnabled", { enabled: true });
  await page.waitForFunction(() => matchMedia("(hover: none)").matches);
}

/** What axe says of the page as it is now: rules passed; broken ones and those it cannot decide, element by element. */
export async function axeResults(page) {
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(axe.source);
  const results = await page.evaluate(async () => {
    const found = await globalThis.axe.run(document, { resultTypes: ["violations", "incomplete"] });
    // What lies under a bar, or beyond the edge of a row that is swiped, is looked at again where it is seen.
    const place = [scrollX, scrollY];
    for (const rule of found.incomplete.filter(({ id }) => id === "color-contrast")) {
      const open = [];
      for (const node of rule.nodes) {
        const element = document.querySelector(node.target[0]);
        element?.scrollIntoView({ block: "nearest", inline: "center" });
        scrollBy(0, (element?.getBoundingClientRect().top ?? 0) - 0.62 * innerHeight); // between photo and bars
        const again = element && (await globalThis.axe.run(element, { runOnly: ["color-contrast"], resultTypes: ["violations", "incomplete"] }));
        found.violations.push(...(again?.violations ?? []));
        if (!again || again.incomplete.length) open.push(node);
      }
      rule.nodes = open;
    }
    scrollTo(...place);
    return found;
  });
  const told = (rules) =>
    rules.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html} ${node.failureSummary ?? ""}`));
  return { passes: results.passes.length, violations: told(results.violations), undecided: told(results.incomplete) };
}

export const AXE_VERSION = axe.version;

/** Rules that the page breaks now, in light and in dark; `all`: and those of which axe cannot say. */
export async function violations(page, { all = false } = {}) {
  const found = [];
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    const { violations, undecided } = await axeResults(page);
    found.push(...violations.map((broken) => `${colorScheme} ${broken}`));
    if (all) found.push(...undecided.map((open) => `${colorScheme}, not decided: ${open}`));
  }
  await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
  return found;
}

/** The page hears of a job up to a step and then of nothing more, and its clock stands still. */
export function hearOnly(page, steps) {
  return page.addInitScript((limit) => {
    const original = globalThis.fetch;
    globalThis.fetch = async (input, init) => {
      const response = await original(input, init);
      if (!String(input).endsWith("/events") || !response.ok) return response;
      let text = "";
      const gate = new TransformStream({
        async transform(chunk, out) {
          text += chunk.replaceAll("\r\n", "\n");
          for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
            const event = text.slice(0, end + 2);
            text = text.slice(end + 2);
            if (/^event: *progress$/m.test(event) && Number(/"step": *(\d+)/.exec(event)[1]) > limit) {
              const now = Date.now();
              Date.now = () => now;
              await new Promise(() => undefined);
            }
            out.enqueue(event);
          }
        },
      });
      const body = response.body.pipeThrough(new TextDecoderStream()).pipeThrough(gate);
      return new Response(body.pipeThrough(new TextEncoderStream()), response);
    };
  }, steps);
}

/** Press Tab until the focus is on something of that name. */
export async function tabTo(page, name, { limit = 60 } = {}) {
  const seen = [];
  for (let presses = 0; presses < limit; presses++) {
    const label = await page.evaluate(() => {
      const now = document.activeElement === document.body ? null : document.activeElement;
      const own = now?.getAttribute("aria-label") ?? now?.textContent ?? "";
      return (own || now?.closest("label")?.textContent || "").trim();
    });
    seen.push(label);
    if (label.includes(name)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`Tab never came to “${name}”; it came to: ${seen.join(" | ")}`);
}

/** The colour of an image at a place (shares of its size), as it is decoded, not as it is shown. */
export function colourAt(page, selector, x, y) {
  return page.locator(selector).evaluate(
    async (image, [u, v]) => {
      await image.decode();
      const canvas = document.createElement("canvas");
      canvas.width = image.naturalWidth;
      canvas.height = image.naturalHeight;
      const context = canvas.getContext("2d");
      context.drawImage(image, 0, 0);
      return [...context.getImageData(Math.floor(u * canvas.width), Math.floor(v * canvas.height), 1, 1).data];
    },
    [x, y],
  );
}

export function distance(a, b) {
  return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

/** Choose a set of samples and start to learn it. */
export async function learnSample(page, { set = 0 } = {}) {
  await page.goto(new URL("#/make", page.url()).href);
  await page.locator("button.set").nth(set).click();
  await page.locator(".example").first().waitFor();
  await page.getByRole("button", { name: "Learn this style" }).click();
}

/** Make a style over the API; its id. */
export async function makeStyle(service, name, examples, headers = {}) {
  const form = new FormData();
  for (const path of examples) form.append("examples", new Blob([await readFile(path)]), basename(path));
  form.append("name", name);
  const answer = await service.api("/v1/styles", {
    method: "POST",
    headers: { Prefer: "wait=60", ...headers },
    body: form,
  });
  return answer.style.id;
}
