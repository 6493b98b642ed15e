// Pictures of every state of the studio at three widths, in light and in dark, with a page that shows them and what axe
// says of each view (axe.json), in artifacts/screenshots, which is not in the repository; the few of KEPT are copied to
// docs/screenshots, and the one of README.md to docs/images. Ends with status 1 when a state was not reached or axe objects to one. The phone is under fingers,
// the other two under a pointer.
// The model is real where a result is seen; where a state needs a worker on command, the quick engine works.
//   node e2e/screenshots.mjs [NAME...]     some states only
//   node e2e/screenshots.mjs --axe         no pictures: what axe says, all with the quick engine
//   node e2e/screenshots.mjs --out FOLDER  the pictures elsewhere, and nothing else
import { execFile } from "node:child_process";
import { copyFile, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { asPhone, AXE_VERSION, axeResults } from "./acts.mjs";
import { openPage, PYTHON, ROOT, startBrowser, startService } from "./harness.mjs";
import { states, stock, tidy } from "./states.mjs";

const run = promisify(execFile);
const { values: options, positionals: only } = parseArgs({
  allowPositionals: true,
  options: { axe: { type: "boolean", default: false }, out: { type: "string" } },
});
const ARTIFACTS = join(ROOT, "artifacts/screenshots");
const OUT = options.out ?? ARTIFACTS;
const AXE = join(ARTIFACTS, "axe.json");
const DOCS = join(ROOT, "docs/screenshots");
const KEPT = [
  "make-empty-390-light",
  "make-chinese-390-light",
  "learn-running-820-light",
  "learn-done-390-light",
  "use-result-390-light",
  "use-blend-three-390-light",
  "use-masked-390-dark",
  "styles-grid-390-light",
];
const README = "learn-running-1440-light"; // docs/images/studio.webp
const PHONE = "390";
const widths = { [PHONE]: 844, 820: 1180, 1440: 900 };
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

const known = only.length ? JSON.parse(await readFile(AXE, "utf8").catch(() => "{}")).states : {};
const checked = { ...known }; // by state, then by view
const wanted = states.filter(({ name }) => !only.length || only.includes(name));

/** One state, reached once and seen at every size. */
async function shoot(browser, service, styles, { name, reach, locale = "en-GB" }) {
  const { context, page } = await openPage(browser, service.url, { locale, viewport: { width: 1440, height: 900 } });
  const files = [];
  const views = Object.fromEntries(Object.keys(widths).flatMap((width) => schemes.map((scheme) => [`${width}-${scheme}`, null])));
  try {
    await reach({ page, context, service, styles });
    await page.mouse.move(0, 0);
    for (const [width, height] of Object.entries(widths).reverse()) {
      await page.setViewportSize({ width: Number(width), height });
      if (width === PHONE) await asPhone(context, page);
      // A window as high as the page: a “full page” picture would have the phone's bar in its middle.
      const high = await page.evaluate(() => (document.querySelector("dialog") ? 0 : document.documentElement.scrollHeight));
      await page.setViewportSize({ width: Number(width), height: Math.max(height, high) });
      for (const colorScheme of schemes) {
        await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
        const found = await axeResults(page);
        for (const broken of found.violations) console.error(`${name}, ${width} px, ${colorScheme}: ${broken}`);
        if (found.violations.length) process.exitCode = 1;
        for (const open of found.undecided) console.error(`${name}, ${width} px, ${colorScheme}, not decided: ${open}`);
        views[`${width}-${colorScheme}`] = Object.fromEntries(
          Object.entries(found).map(([what, all]) => [what, all.length ?? all]),
        );
        if (options.axe) continue;
        const path = join(OUT, `${name}-${width}-${colorScheme}.png`);
        await page.screenshot({ path, animations: "disabled" });
        files.push(path);
      }
    }
  } finally {
    await context.close();
    await tidy(service, styles);
  }
  checked[name] = views;
  if (files.length) await run(PYTHON, ["-c", TO_WEBP, ...files]);
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
    const view = (width, scheme) => {
      const broken = checked[name]?.[`${width}-${scheme}`]?.violations;
      return `[${scheme}](${name}-${width}-${scheme}.webp) ${broken ?? "?"}`;
    };
    const cells = Object.keys(widths).map((width) => schemes.map((scheme) => view(width, scheme)).join(" · "));
    return `| ${title} | ${cells.join(" | ")} | <img src="${name}-820-light.webp" width="200" alt="${title}"> |`;
  });
  const views = Object.values(checked).flatMap((state) => Object.values(state));
  const sum = (what) => views.reduce((total, view) => total + view[what], 0);
  return `# The studio, state by state

Made by \`make screenshots\` with the shipped build, Chromium and, where a result is seen, the real model.

The number behind each view is of the violations that axe ${AXE_VERSION} finds in it: ${sum("violations")} in ${views.length} views of
${Object.keys(checked).length} states ([axe.json](axe.json)), and ${sum("undecided")} elements of which it cannot say, as of text over a
picture. \`make test-web\` checks the same states at the same widths with the quick engine: there is no violation,
nothing undecided, and nothing wider than the screen.

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
for (const folder of [OUT, ARTIFACTS]) await mkdir(folder, { recursive: true });
if (!only.length && !options.axe) for (const file of await readdir(OUT)) if (/\.(png|webp)$/.test(file)) await rm(join(OUT, file));
const browser = await startBrowser();
try {
  await session(startService, wanted.filter(({ real }) => options.axe || !real), browser);
  await session(
    () => startService({}, ["-m", "app.cli", "serve"]),
    wanted.filter(({ real }) => real && !options.axe),
    browser,
  );
} finally {
  await browser.close();
}
if (options.out) process.exit();
// A line for each state.
const lines = states.map(({ name }) => `  ${JSON.stringify(name)}: ${JSON.stringify(checked[name] ?? null)}`);
const head = `"measured_at": "${new Date().toISOString()}",\n "axe": "${AXE_VERSION}"`;
await writeFile(AXE, `{\n ${head},\n "states": {\n${lines.join(",\n")}\n }\n}\n`);
if (!options.axe) {
  await writeFile(join(OUT, "README.md"), index());
  const kept = [...KEPT.map((name) => [name, join(DOCS, `${name}.webp`)]), [README, join(ROOT, "docs/images/studio.webp")]];
  for (const [name, copy] of kept) {
    const file = join(OUT, `${name}.webp`);
    if (await readFile(file).catch(() => null)) await copyFile(file, copy);
  }
}
