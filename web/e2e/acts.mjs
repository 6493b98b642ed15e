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

/** Rules that the page breaks now, in light and in dark. */
export async function violations(page, schemes = ["light", "dark"]) {
  const found = [];
  await page.evaluate(axe.source);
  for (const colorScheme of schemes) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    const results = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
    for (const { id, nodes } of results.violations)
      found.push(...nodes.map((node) => `${colorScheme} ${id}: ${node.html} ${node.failureSummary ?? ""}`));
  }
  await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
  return found;
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
