// docs/screenshots: every state at three widths, in light and in dark, and a page that shows them.
// The model is real where a result is seen; where a state needs a worker on command, the quick engine works.
//   node e2e/screenshots.mjs [NAME...]     some states only
import { execFile } from "node:child_process";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { openPage, PYTHON, ROOT, startBrowser, startService } from "./harness.mjs";
import { states, stock, tidy } from "./states.mjs";

const run = promisify(execFile);
const OUT = join(ROOT, "docs/screenshots");
const widths = { 390: 844, 820: 1180, 1440: 900 };
const schemes = ["light", "dark"];
const TO_WEBP = `
import sys
from pathlib import Path
from PIL import Image
for path in map(Path, sys.argv[1:]):
    with Image.open(path) as image:
        image.convert("RGB").save(path.with_suffix(".webp"), quality=50, method=6)
    path.unlink()
`;

const only = process.argv.slice(2);
const wanted = states.filter(({ name }) => !only.length || only.includes(name));

/** One state, reached once and seen at every size. */
async function shoot(browser, service, styles, { name, reach, locale = "en-GB" }) {
  const { context, page } = await openPage(browser, service.url, { locale, viewport: { width: 1440, height: 900 } });
  const files = [];
  try {
    await reach({ page, context, service, styles });
    await page.mouse.move(0, 0);
    for (const [width, height] of Object.entries(widths)) {
      await page.setViewportSize({ width: Number(width), height });
      // A window as high as the page: a “full page” picture would have the phone's bar in its middle.
      const high = await page.evaluate(() => (document.querySelector("dialog") ? 0 : document.documentElement.scrollHeight));
      await page.setViewportSize({ width: Number(width), height: Math.max(height, high) });
      for (const colorScheme of schemes) {
        await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
        const path = join(OUT, `${name}-${width}-${colorScheme}.png`);
        await page.screenshot({ path, animations: "disabled" });
        files.push(path);
      }
    }
  } finally {
    await context.close();
    await tidy(service, styles);
  }
  await run(PYTHON, ["-c", TO_WEBP, ...files]);
  console.log(name);
}

async function session(start, group, browser) {
  if (!group.length) return;
  const service = await start();
  try {
    const styles = await stock(service);
    for (const state of group)
      await shoot(browser, service, styles, state).catch((error) => {
        console.error(`${state.name}: ${error.message}`);
        process.exitCode = 1; // the others are taken all the same
      });
  } finally {
    await service.stop();
  }
}

function index() {
  const rows = states.map(({ name, title }) => {
    const cell = (width, scheme) => `[${scheme}](${name}-${width}-${scheme}.webp)`;
    const cells = Object.keys(widths).map((width) => schemes.map((scheme) => cell(width, scheme)).join(" · "));
    return `| ${title} | ${cells.join(" | ")} | <img src="${name}-820-light.webp" width="200" alt="${title}"> |`;
  });
  return `# The studio, state by state

Made by \`make screenshots\` with the shipped build, Chromium and, where a result is seen, the real model. Every
state listed here is also checked by \`make test-web\`: no violations of axe, nothing wider than the screen.

| state | ${Object.keys(widths).map((width) => `${width} px`).join(" | ")} | at 820 px, light |
|---|${"---|".repeat(Object.keys(widths).length + 1)}
${rows.join("\n")}
`;
}

const { stdout: fonts } = await run("fc-list", [":lang=zh"]).catch(() => ({ stdout: "" }));
if (!fonts && wanted.some(({ locale }) => locale?.startsWith("zh"))) {
  console.error("No font here has Chinese characters: install one, on Debian the package fonts-noto-cjk.");
  process.exit(1);
}
await mkdir(OUT, { recursive: true });
if (!only.length) for (const file of await readdir(OUT)) if (/\.(png|webp)$/.test(file)) await rm(join(OUT, file));
const browser = await startBrowser();
try {
  await session(startService, wanted.filter(({ real }) => !real), browser);
  await session(
    () => startService({}, ["-m", "app.cli", "serve"]),
    wanted.filter(({ real }) => real),
    browser,
  );
} finally {
  await browser.close();
}
await writeFile(join(OUT, "README.md"), index());
