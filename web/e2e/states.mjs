// Every state of the studio and how to come there: for the accessibility checks and for the screenshots.
import { readFile } from "node:fs/promises";
import { drop, hearOnly, learnSample, makeStyle } from "./acts.mjs";
import { sample } from "./harness.mjs";

const example = (name) => sample(`examples/${name}.jpg`);
const photo = (name) => sample(`photos/${name}.jpg`);

/** A GIF of 16x16 pixels and two frames, in base64. */
const MOVING =
  "R0lGODlhEAAQAIAAAP8AAAAA/yH/C05FVFNDQVBFMi4wAwEAAAAh+QQACgAAACwAAAAAEAAQAAACDoSPqcvtD6OctNqLsz4FACH5BAAKAAAALAAAAAAQABAAAAIOjI+py+0Po5y02ouzPgUAOw==";

/** So many photos that they become a batch. */
async function crowd() {
  const data = (await readFile(sample("small/cat.webp"))).toString("base64");
  return Array.from({ length: 18 }, (_, index) => ({ name: `cat-${index + 1}.webp`, type: "image/webp", data }));
}

/** Batches as the service has them: one in the midst of it, one that was stopped, one that is done but for a photo. */
function batches(styles) {
  const broken = { position: 17, custom_id: "18", photo: "harbour/0018.jpg", error: { code: "image_corrupt", detail: "It is damaged." } };
  return [
    ["running", { total: 2000, succeeded: 611, failed: 0 }, []],
    ["canceled", { total: 40, succeeded: 12, failed: 0 }, []],
    ["succeeded", { total: 240, succeeded: 239, failed: 1 }, [broken]],
  ].map(([state, counts, errors], index) => ({
    id: `bat_01JDXYZ000000000000000000${3 - index}`,
    styles: [{ id: styles[index], weight: 1 }],
    created_at: "2026-01-01T12:00:00Z",
    job: { id: "job_01JDXYZ0000000000000000000", state, error: null },
    counts,
    errors,
  }));
}

/** The styles that the states need; made once. */
export async function stock(service) {
  const made = [];
  for (const [name, ...pictures] of [
    ["The Great Wave", "great-wave"],
    ["Poppies", "poppies"],
    ["Views of Edo", "ejiri-in-suruga", "kazusa-sea-route", "ryogoku-bridge"],
    ["Woman with a fan", "woman-with-fan"],
  ])
    made.push(await makeStyle(service, name, pictures.map(example)));
  await service.idle();
  return made;
}

/** Leave the stock alone on the shelf, and nothing at work. */
export async function tidy(service, stocked) {
  await service.release();
  await service.idle();
  for (const { id } of (await service.api("/v1/styles?limit=100")).items)
    if (!stocked.includes(id)) await service.api(`/v1/styles/${id}`, { method: "DELETE" });
}

const json = (status, body, headers = {}) => ({
  status,
  headers,
  contentType: status < 400 ? "application/json" : "application/problem+json",
  body: JSON.stringify(body),
});
const nothing = json(200, { items: [], next: null });
const refusal = (status, code, detail, headers) => json(status, { type: "about:blank", title: code, status, code, detail }, headers);
const never = () => new Promise(() => undefined);

/** Answer requests instead of the service: what a person sees is the same. */
const answer = (page, pattern, method, reply) =>
  page.route(pattern, (route) =>
    route.request().method() !== method ? route.fallback() : typeof reply === "function" ? reply(route) : route.fulfill(reply),
  );

const button = (page, name) => page.getByRole("button", { name });
/** The photo in view is as the controls say: only then may it be downloaded. No other is being rendered. */
async function settled(page) {
  await page.locator(".taking .primary:enabled").waitFor();
  await page.waitForFunction(() => !document.querySelector(".filmstrip .rendering"));
}

async function show(page, url, hash = "") {
  await page.goto(`${url}/${hash}`);
  await page.getByRole("heading", { level: 1 }).waitFor();
}

async function choosePictures({ page, service }, names = ["great-wave", "ejiri-in-suruga", "kazusa-sea-route", "ryogoku-bridge"]) {
  await show(page, service.url);
  await drop(page, names.map(example));
  await page.locator(".example").nth(names.length - 1).waitFor();
}

async function learn(given, set = 0) {
  await show(given.page, given.service.url);
  await learnSample(given.page, { set });
}

async function learnHeld(given) {
  await given.service.hold?.();
  await learn(given);
  await given.page.locator(".easel > img").waitFor();
}

async function use({ page, service, styles }, { count = 1, photos = ["cat"] } = {}) {
  await show(page, service.url, `#/use?style=${styles.slice(0, count).join(",")}`);
  await page.locator(".styles.small [aria-pressed=true]").nth(count - 1).waitFor();
  if (!photos.length) return;
  await drop(page, photos.map(photo));
  await page.locator(".filmstrip > li").nth(photos.length).waitFor(); // they, and the button for more
}

async function result(given, options) {
  await use(given, options);
  await settled(given.page);
  await thumbnails(given);
}

async function thumbnails({ page }) {
  await page.waitForFunction(() =>
    [...document.querySelectorAll(".styles .thumb.empty")].every((thumb) => {
      const { top, bottom } = thumb.getBoundingClientRect();
      return bottom < 0 || top > innerHeight; // these are rendered once they are scrolled to
    }),
  );
}

async function shelf({ page, service }) {
  await show(page, service.url, "#/styles");
  await page.locator(".card .thumb .styled").nth(3).waitFor();
}

/** `real`: worth the real model in a screenshot. `reach` gets `{ page, context, service, styles }`. */
export const states = [
  { name: "make-empty", title: "Nothing chosen yet", reach: ({ page, service }) => show(page, service.url) },
  {
    name: "make-dragging",
    title: "Files are held over the page",
    async reach({ page, service }) {
      await show(page, service.url);
      await page.evaluate(() => {
        const transfer = new DataTransfer();
        transfer.items.add(new File(["x"], "x.jpg", { type: "image/jpeg" }));
        document.body.dispatchEvent(new DragEvent("dragenter", { dataTransfer: transfer, bubbles: true }));
      });
      await page.locator(".dropzone.over").waitFor();
    },
  },
  { name: "make-chosen", title: "Pictures to crop and remove", reach: (given) => choosePictures(given) },
  {
    name: "make-credits",
    title: "Whose the pictures are",
    async reach(given) {
      await choosePictures(given);
      await given.page.locator("summary", { hasText: "Whose pictures are these?" }).click();
      await given.page.getByLabel("By", { exact: true }).fill("© 2026 A. Painter");
    },
  },
  {
    name: "make-crop",
    title: "Cropping a picture",
    async reach(given) {
      await choosePictures(given);
      await button(given.page, "Crop").first().click();
      await given.page.locator(".frame").waitFor();
      await given.page.locator(".frame").focus();
      for (let press = 0; press < 12; press++) await given.page.keyboard.press("Shift+ArrowLeft");
      for (let press = 0; press < 6; press++) await given.page.keyboard.press("ArrowRight");
    },
  },
  {
    name: "make-wrong-file",
    title: "A file that is no picture",
    async reach({ page, service }) {
      await show(page, service.url);
      await drop(page, [{ name: "notes.txt", type: "text/plain", data: Buffer.from("hello").toString("base64") }]);
      await page.getByRole("alert").waitFor();
    },
  },
  {
    name: "make-uploading",
    title: "The pictures are on their way",
    async reach(given) {
      await choosePictures(given);
      await answer(given.page, "**/v1/styles", "POST", never);
      await button(given.page, "Learn this style").click();
      await given.page.locator(".sending").waitFor();
    },
  },
  {
    name: "make-queue-full",
    title: "The queue is full; the page tries again",
    async reach(given) {
      await choosePictures(given);
      await answer(given.page, "**/v1/styles", "POST", refusal(429, "queue_full", "The queue is full.", { "Retry-After": "60" }));
      await button(given.page, "Learn this style").click();
      await given.page.locator(".notice", { hasText: "The queue is full" }).waitFor();
    },
  },
  {
    name: "learn-queued",
    title: "Waiting behind another job",
    async reach(given) {
      await given.service.hold();
      await makeStyle(given.service, "First", [example("poppies")], { Prefer: "" });
      await learn(given);
      await given.page.getByText("Waiting for its turn").waitFor();
    },
  },
  {
    name: "learn-no-worker",
    title: "No worker is running",
    async reach(given) {
      await given.service.hold();
      await makeStyle(given.service, "First", [example("poppies")], { Prefer: "" });
      await answer(given.page, "**/readyz", "GET", json(200, { workers: 0 }));
      await learn(given);
      await given.page.getByText("No worker is running").waitFor();
    },
  },
  {
    name: "learn-running",
    title: "The preview, the loss and the steps, live",
    real: true,
    async reach(given) {
      await hearOnly(given.page, 12);
      await choosePictures(given);
      await button(given.page, "Learn this style").click();
      await given.page.getByText("Step 12 of").first().waitFor({ timeout: 300_000 });
    },
  },
  {
    name: "learn-restarted",
    title: "The worker went away; another one started over",
    async reach(given) {
      await learnHeld(given);
      await given.service.killWorker();
      await given.page.getByText("The server restarted").waitFor();
    },
  },
  {
    name: "learn-offline",
    title: "The network went away in the middle",
    async reach(given) {
      await learnHeld(given);
      await given.context.setOffline(true);
      await given.page.getByText("You are offline").waitFor();
    },
  },
  {
    name: "learn-done",
    title: "Learned: name it and keep it",
    real: true,
    async reach(given) {
      await learn(given, 1);
      await given.page.getByRole("heading", { level: 1, name: "Learned" }).waitFor({ timeout: 600_000 });
    },
  },
  {
    name: "learn-stopped",
    title: "Learning was stopped",
    async reach(given) {
      await learnHeld(given);
      await button(given.page, "Stop learning").click();
      await given.page.getByRole("heading", { level: 1, name: "Learning was stopped" }).waitFor();
    },
  },
  {
    name: "learn-failed",
    title: "The job failed",
    async reach(given) {
      await given.service.fail();
      await learn(given);
      await given.page.getByRole("heading", { level: 1, name: "Learning did not finish" }).waitFor();
    },
  },
  {
    name: "learn-gone",
    title: "A job that is not there any more",
    async reach({ page, service }) {
      await show(page, service.url, "#/make/job_01JDXYZ0000000000000000001");
      await page.getByText("This is not here any more").waitFor();
    },
  },
  {
    name: "use-empty",
    title: "No photo yet",
    real: true,
    async reach(given) {
      await show(given.page, given.service.url, "#/use");
      await thumbnails(given);
    },
  },
  {
    name: "use-no-style",
    title: "No style yet",
    async reach({ page, service }) {
      await answer(page, "**/v1/styles?*", "GET", nothing);
      await show(page, service.url, "#/use");
      await page.getByText("There is no style yet").waitFor();
    },
  },
  {
    name: "use-photo",
    title: "A photo, and no style chosen",
    real: true,
    async reach(given) {
      await show(given.page, given.service.url, "#/use");
      await drop(given.page, [photo("coffee")]);
      await given.page.getByText("Pick a style").waitFor();
      await thumbnails(given);
    },
  },
  {
    name: "use-rendering",
    title: "The first rendering is on its way",
    async reach(given) {
      await answer(given.page, "**/v1/stylizations", "POST", never);
      await use(given);
      await given.page.locator('.compare[aria-busy="true"]').waitFor();
    },
  },
  { name: "use-result", title: "Before and after", real: true, reach: (given) => result(given, { photos: ["cat", "coffee", "astronaut"] }) },
  {
    name: "use-lent",
    title: "A link to a style was opened: a sample shows it",
    real: true,
    reach: (given) => result(given, { photos: [] }),
  },
  { name: "use-blend-two", title: "A blend of two styles", real: true, reach: (given) => result(given, { count: 2, photos: ["coffee"] }) },
  {
    name: "use-blend-three",
    title: "A blend of three styles",
    real: true,
    reach: (given) => result(given, { count: 3, photos: ["coffee"] }),
  },
  {
    name: "use-blend-four",
    title: "A blend of four styles",
    real: true,
    async reach(given) {
      await result(given, { count: 4, photos: ["astronaut"] });
      const point = given.page.locator(".pad .point");
      for (const key of ["ArrowRight", "ArrowRight", "ArrowRight", "ArrowUp", "ArrowUp"]) await point.press(key);
      await settled(given.page);
    },
  },
  {
    name: "use-mask",
    title: "Painting where the style goes",
    real: true,
    async reach(given) {
      await result(given);
      await paint(given.page);
    },
  },
  {
    name: "use-masked",
    title: "The style in a part only, another one elsewhere",
    real: true,
    async reach(given) {
      await result(given);
      await paint(given.page);
      await button(given.page, "Apply").click();
      await given.page.getByLabel("Elsewhere").selectOption({ label: "Poppies" });
      await settled(given.page);
    },
  },
  {
    name: "use-code",
    title: "The same call as code",
    real: true,
    async reach(given) {
      await result(given, { count: 2 });
      await button(given.page, "Copy as code").click();
    },
  },
  {
    name: "use-failed",
    title: "A photo that could not be rendered",
    async reach(given) {
      await given.service.fail();
      await use(given);
      await given.page.getByText("ran out of memory").waitFor();
    },
  },
  {
    name: "use-style-gone",
    title: "A link to a style that was deleted",
    async reach({ page, service }) {
      await show(page, service.url, "#/use?style=sty_01JDXYZ0000000000000000001");
      await page.getByText("not there any more").waitFor();
    },
  },
  {
    name: "use-moving",
    title: "A photo that moves",
    async reach(given) {
      await use(given, { photos: [] });
      await drop(given.page, [{ name: "loop.gif", type: "image/gif", data: MOVING }]);
      await settled(given.page);
      await given.page.locator("summary", { hasText: "File" }).click();
    },
  },
  {
    name: "use-many",
    title: "More photos than are shown one by one",
    real: true,
    async reach(given) {
      await use(given, { photos: [] });
      await drop(given.page, await crowd());
      await given.page.getByRole("heading", { name: "18 photos" }).waitFor();
      await settled(given.page);
    },
  },
  {
    name: "batches",
    title: "Many photos at once: one batch is drawn, one was stopped, one is done",
    async reach({ page, service, styles }) {
      await answer(page, "**/v1/batches?*", "GET", json(200, { items: batches(styles), next: null }));
      await show(page, service.url, "#/batches");
      await page.getByText("1 photo could not be used").click();
    },
  },
  {
    name: "batches-empty",
    title: "No batches yet",
    async reach({ page, service }) {
      await answer(page, "**/v1/batches?*", "GET", nothing);
      await show(page, service.url, "#/batches");
      await page.getByText("No batches yet").waitFor();
    },
  },
  {
    name: "use-closely",
    title: "The result as large as the screen",
    real: true,
    async reach(given) {
      await result(given);
      await button(given.page, "Look closely").click();
      await button(given.page, "Zoom in").click();
    },
  },
  {
    name: "use-share",
    title: "Sharing a result",
    real: true,
    async reach(given) {
      await result(given);
      await button(given.page, "Share").click();
      await button(given.page, "Copy a link").click();
      await given.page.getByLabel("Link", { exact: true }).waitFor();
    },
  },
  {
    name: "use-variations",
    title: "Strengths and strokes at once",
    real: true,
    async reach(given) {
      await result(given);
      await button(given.page, "Variations").click();
      await given.page.locator(".variations img").nth(8).waitFor({ timeout: 300_000 });
    },
  },
  {
    name: "shared",
    title: "What somebody with a link sees",
    real: true,
    async reach(given) {
      await result(given);
      await button(given.page, "Share").click();
      await button(given.page, "Copy a link").click();
      await given.page.goto(await given.page.getByLabel("Link", { exact: true }).inputValue());
      await given.page.getByLabel("Compare before and after").waitFor();
    },
  },
  {
    name: "shared-ended",
    title: "A link that was ended",
    async reach({ page, service }) {
      await show(page, service.url, "#/shared/of-no-share");
      await page.getByText("This link shows nothing any more").waitFor();
    },
  },
  {
    name: "results",
    title: "Earlier results",
    real: true,
    async reach(given) {
      await result(given, { photos: ["cat", "coffee"] });
      await given.page.getByRole("link", { name: "Results" }).first().click();
      await given.page.locator(".results .thumb img").first().waitFor();
    },
  },
  {
    name: "results-closely",
    title: "An earlier result as large as the screen",
    async reach(given) {
      await result(given, { photos: ["coffee"] });
      await given.page.getByRole("link", { name: "Results" }).first().click();
      await button(given.page, /^Look closely: /).first().click();
      await given.page.locator(".viewer .before").waitFor({ state: "attached" });
    },
  },
  {
    name: "results-empty",
    title: "No results yet",
    async reach({ page, service }) {
      await answer(page, "**/v1/stylizations?*", "GET", nothing);
      await show(page, service.url, "#/results");
      await page.getByText("Nothing here yet").waitFor();
    },
  },
  {
    name: "results-near",
    title: "A result that comes near to an example, and what its file says",
    async reach(given) {
      await result(given, { photos: ["coffee"] });
      await answer(given.page, /\/v1\/images\/img_\w+$/, "GET", async (route) => {
        const image = await (await route.fetch()).json();
        image.provenance = { ...image.provenance, nearest_example: { agreement: 0.97, copy: true } };
        await route.fulfill(json(200, image));
      });
      await given.page.getByRole("link", { name: "Results" }).first().click();
      await given.page.getByText("almost the same as a picture").first().waitFor();
      await given.page.locator("summary", { hasText: "About this file" }).first().click();
    },
  },
  {
    name: "check",
    title: "A picture to check",
    reach: ({ page, service }) => show(page, service.url, "#/check"),
  },
  {
    name: "check-found",
    title: "A picture that was made here",
    real: true,
    async reach(given) {
      await result(given, { photos: ["coffee"] });
      const made = (await given.service.api("/v1/stylizations?limit=20")).items.map(({ items }) => items[0]);
      const { image } = made.find((item) => item.name === "coffee.jpg" && item.image);
      const { url, media_type } = await given.service.api(`/v1/images/${image.id}`);
      const data = Buffer.from(await (await fetch(new URL(url, given.service.url))).arrayBuffer()).toString("base64");
      await show(given.page, given.service.url, "#/check");
      await drop(given.page, [{ name: "found.png", type: media_type, data }]);
      await given.page.getByRole("heading", { name: "Yes, it was made here" }).waitFor();
    },
  },
  {
    name: "check-nothing",
    title: "A picture that tells nothing",
    async reach({ page, service }) {
      await show(page, service.url, "#/check");
      await drop(page, [photo("cat")]);
      await page.getByRole("heading", { name: "Nothing says that it was made with Fewstroke" }).waitFor();
    },
  },
  {
    name: "style",
    title: "A style of one's own",
    real: true,
    async reach(given) {
      await show(given.page, given.service.url, `#/styles/${given.styles[2]}`);
      await given.page.locator(".strip-of img").nth(2).waitFor();
      await given.page.locator(".preview .styled").waitFor();
    },
  },
  {
    name: "style-ready",
    title: "A style that comes with the service",
    real: true,
    async reach({ page, service }) {
      await show(page, service.url);
      const link = page.getByRole("link", { name: /Woodblock waves/ });
      const id = (await link.getAttribute("href")).split("=").pop();
      await show(page, service.url, `#/styles/${id}`);
      await page.getByText("Ejiri in Suruga Province").waitFor();
    },
  },
  {
    name: "options",
    title: "Language and look",
    async reach({ page, service }) {
      await show(page, service.url);
      await button(page, "Language and look").click();
    },
  },
  {
    name: "styles-empty",
    title: "No styles yet",
    async reach({ page, service }) {
      await answer(page, "**/v1/styles?*", "GET", nothing);
      await show(page, service.url, "#/styles");
      await page.getByText("No styles yet").waitFor();
    },
  },
  {
    name: "styles-loading",
    title: "The styles are on their way",
    async reach({ page, service }) {
      await answer(page, "**/v1/styles?*", "GET", never);
      await show(page, service.url, "#/styles");
      await page.locator('.styles[aria-busy="true"]').waitFor();
    },
  },
  {
    name: "styles-unloaded",
    title: "The styles could not be loaded",
    async reach({ page, service }) {
      await answer(page, "**/v1/styles?*", "GET", refusal(503, "service_unavailable", "The database does not answer."));
      await show(page, service.url, "#/styles");
      await page.getByText("could not be loaded").waitFor();
    },
  },
  {
    name: "styles-grid",
    title: "All styles on the same photo",
    real: true,
    async reach(given) {
      await shelf(given);
    },
  },
  {
    name: "styles-learning",
    title: "A style is being learned meanwhile",
    real: true,
    async reach(given) {
      await hearOnly(given.page, 12);
      await learn(given);
      await given.page.getByText("Step 12 of").first().waitFor({ timeout: 300_000 });
      await given.page.getByRole("link", { name: "My styles" }).first().click();
      await given.page.locator(".card .thumb .styled").nth(4).waitFor();
    },
  },
  {
    name: "styles-unkept",
    title: "A style that was learned, and not kept yet",
    async reach(given) {
      await learn(given);
      await given.page.getByText("Your style is ready").waitFor({ timeout: 300_000 });
      await given.page.getByRole("link", { name: "My styles" }).first().click();
      await given.page.getByText("not kept yet").waitFor();
    },
  },
  {
    name: "styles-rename",
    title: "Renaming a style",
    real: true,
    async reach(given) {
      await shelf(given);
      await button(given.page, "Rename: Poppies").click();
      await given.page.locator("dialog").waitFor();
    },
  },
  {
    name: "styles-delete",
    title: "Deleting a style",
    real: true,
    async reach(given) {
      await shelf(given);
      await button(given.page, "Delete: Poppies").click();
      await given.page.locator("dialog").waitFor();
    },
  },
  {
    name: "key-asked",
    title: "The service wants a key",
    async reach({ page, service }) {
      await page.route("**/v1/**", (route) => route.fulfill(refusal(401, "unauthenticated", "A key is needed.")));
      await show(page, service.url);
      await page.locator("dialog").waitFor();
    },
  },
  {
    name: "key-refused",
    title: "The key was refused",
    async reach({ page, service }) {
      await page.route("**/v1/**", (route) => route.fulfill(refusal(401, "unauthenticated", "A key is needed.")));
      await show(page, service.url);
      await page.getByLabel("API key", { exact: true }).fill("fsk_wrong");
      await button(page, "Use this key").click();
      await page.getByText("That key was refused").waitFor();
    },
  },
  {
    name: "unreachable",
    title: "The server does not answer",
    async reach({ page, service }) {
      await page.route(/\/(v1|livez|readyz)/, (route) => route.abort());
      await show(page, service.url);
      await page.getByText("The server does not answer").waitFor();
    },
  },
  {
    name: "make-chinese",
    title: "In Chinese",
    locale: "zh-CN",
    reach: ({ page, service }) => show(page, service.url),
  },
  {
    name: "use-chinese",
    title: "In Chinese, with a result",
    locale: "zh-CN",
    real: true,
    reach: (given) => result(given, { photos: ["coffee"] }),
  },
];

/** An ellipse in the middle of the painting area, by pointer. */
async function paint(page) {
  await page.getByRole("button", { name: "Mask", exact: true }).click();
  const canvas = page.getByLabel("Painting area");
  await canvas.hover(); // it is there and stands still
  const area = await canvas.boundingBox();
  const at = (u, v) => [area.x + u * area.width, area.y + v * area.height];
  await page.getByLabel("Brush size").fill("30");
  await page.mouse.move(...at(0.35, 0.4));
  await page.mouse.down();
  for (let angle = 0; angle <= 12; angle++)
    await page.mouse.move(...at(0.5 + 0.16 * Math.cos(angle / 2 + 2.6), 0.5 + 0.22 * Math.sin(angle / 2 + 2.6)));
  await page.mouse.up();
}
