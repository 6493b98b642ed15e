// What the studio may cost, measured: bytes of script, Lighthouse's scores, and how soon something is seen to be
// learned. Writes benchmarks/results/studio.json and .md; ends with status 1 when a limit is passed.
//   node budget.mjs [--first-preview RUNS] [--lighthouse RUNS]
//   node budget.mjs --first-preview 0       script and Lighthouse only; writes nothing
import { execFile } from "node:child_process";
import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { launch } from "chrome-launcher";
import lighthouse, { desktopConfig } from "lighthouse";
import { firstPreview } from "./first_preview.mjs";
import { atExit, CHROMIUM, FLAGS, PYTHON, ROOT, startBrowser, startService } from "../e2e/harness.mjs";
import { stock } from "../e2e/states.mjs";

const LIMITS = { script_bytes: 150_000, score: 95, first_preview_ms: 2000 };
const CATEGORIES = ["performance", "accessibility", "best-practices", "seo"];
const PAGES = { "Make a style": "#/make", "Use a style": "#/use", "My styles": "#/styles", Results: "#/results", "Check a picture": "#/check" };
const OUT = join(ROOT, "benchmarks/results");

const { values } = parseArgs({ options: { "first-preview": { type: "string", default: "7" }, lighthouse: { type: "string", default: "3" } } });
const middle = (sorted) => sorted[Math.floor(sorted.length / 2)];
const median = (numbers) => middle([...numbers].sort((a, b) => a - b));

async function scriptBytes() {
  const folder = join(ROOT, "app/studio/static/assets");
  const scripts = (await readdir(folder)).filter((name) => name.endsWith(".js"));
  const sizes = await Promise.all(scripts.map(async (name) => gzipSync(await readFile(join(folder, name)), { level: 9 }).length));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/**
 * Scores of 0..100 and the times behind them, for every page on a phone and on a desk: of the run of median
 * performance, and the performance of all runs.
 */
async function scores(service, runs) {
  const rows = [];
  for (const form of ["mobile", "desktop"])
    for (const [page, hash] of Object.entries(PAGES)) {
      const looks = [];
      for (let run = 0; run < runs; run++) looks.push(await look(`${service.url}/${hash}`, form));
      looks.sort((a, b) => a.performance - b.performance);
      rows.push({ page, form, ...middle(looks), performance_of_all: looks.map(({ performance }) => performance) });
      console.log(`${page}, ${form}: ${CATEGORIES.map((name) => `${name} ${looks.map((one) => one[name]).join(" ")}`).join(", ")}`);
    }
  return rows;
}

/** One run, in a browser of its own: nothing cached, nothing remembered. */
async function look(url, form) {
  const chrome = await launch({ chromePath: CHROMIUM, chromeFlags: ["--headless=new", ...FLAGS], logLevel: "silent" });
  const calledOff = atExit(() => chrome.kill());
  try {
    const options = { port: chrome.port, onlyCategories: CATEGORIES, output: "json", logLevel: "error" };
    const run = () => lighthouse(url, options, form === "desktop" ? desktopConfig : undefined);
    let { lhr } = await run();
    // The browser lost the trace's beginning, which it does now and then: Lighthouse asks to be run again.
    if (lhr.runtimeError?.code === "NO_NAVSTART") ({ lhr } = await run());
    if (lhr.runtimeError) throw new Error(`${url}, ${form}: ${lhr.runtimeError.message}`);
    const value = (audit) => Math.round(lhr.audits[audit].numericValue * 1000) / 1000;
    return {
      ...Object.fromEntries(CATEGORIES.map((name) => [name, Math.round(lhr.categories[name].score * 100)])),
      first_contentful_paint_ms: Math.round(value("first-contentful-paint")),
      largest_contentful_paint_ms: Math.round(value("largest-contentful-paint")),
      total_blocking_time_ms: Math.round(value("total-blocking-time")),
      cumulative_layout_shift: value("cumulative-layout-shift"),
      lost_points: lost(lhr),
    };
  } finally {
    const gone = new Promise((resolve) => chrome.process.once("close", resolve));
    chrome.kill();
    await gone;
    calledOff();
  }
}

/** Audits that count and are not passed. */
function lost(lhr) {
  const counted = CATEGORIES.flatMap((name) => lhr.categories[name].auditRefs.filter(({ weight }) => weight > 0));
  return counted.map(({ id }) => lhr.audits[id]).filter(({ score }) => score !== null && score < 0.9).map(({ id }) => id);
}

async function withService(module, work) {
  const service = await startService({}, module, { ownSession: true });
  try {
    return await work(service);
  } finally {
    await service.stop();
  }
}

async function previews(runs) {
  const browser = await startBrowser();
  try {
    return await withService(["-m", "app.cli", "serve"], async (service) => {
      const timed = [];
      for (let run = 0; run < runs; run++) timed.push(await firstPreview(browser, service));
      return timed;
    });
  } finally {
    await browser.close();
  }
}

async function machine() {
  const program = "import json; from benchmarks.machine import machine_info; print(json.dumps(machine_info()))";
  const { stdout } = await promisify(execFile)(PYTHON, ["-c", program], { cwd: ROOT });
  return { ...JSON.parse(stdout), node: process.version };
}

function report({ script_bytes, lighthouse: rows, first_preview, machine: on }) {
  const [first, ...later] = first_preview;
  const part = (name) => `${first[name]} | ${median(later.map((run) => run[name]))} | ${Math.max(...later.map((run) => run[name]))}`;
  return `# The studio's budget

\`make budget\` on ${on.processor}, ${on.cores} cores, load ${on.load_average[0]} at the start, ${on.system}.

Script, compressed: ${(script_bytes / 1000).toFixed(1)} kB (limit ${LIMITS.script_bytes / 1000} kB).

## Lighthouse

Limit: ${LIMITS.score} in every category. The mobile runs simulate a slow phone on a slow network. Each page is looked at
${rows[0].performance_of_all.length} times, in a new browser each time; the line is the run of median performance.

| page | form | performance | of all runs | accessibility | best practices | SEO | first paint | largest paint | blocked | layout shift |
|---|---|---|---|---|---|---|---|---|---|---|
${rows.map((row) => `| ${row.page} | ${row.form} | ${row.performance} | ${row.performance_of_all.join(", ")} | ${CATEGORIES.slice(1).map((name) => row[name]).join(" | ")} | ${row.first_contentful_paint_ms} ms | ${row.largest_contentful_paint_ms} ms | ${row.total_blocking_time_ms} ms | ${row.cumulative_layout_shift} |`).join("\n")}

## First preview

From the press of “Learn this style” to the first picture on the easel: five paintings, the real model, browser and
service on the same cores. Limit: ${LIMITS.first_preview_ms} ms. Milliseconds after the press; the first run warms the model up.

| what | first run | median of ${later.length} later ones | slowest of them |
|---|---|---|---|
| the upload begins | ${part("upload_began")} |
| the job is durable | ${part("job_created")} |
| the page knows it | ${part("upload_accepted")} |
| the worker begins | ${part("worker_began")} |
| **the preview is seen** | ${part("preview_seen")} |
`;
}

const found = { measured_at: new Date().toISOString(), machine: await machine(), limits: LIMITS };
found.script_bytes = await scriptBytes();
console.log(`script: ${found.script_bytes} bytes compressed`);
const times = Number(values["first-preview"]);
found.first_preview = times ? await previews(times) : [];
if (times) console.log(`first preview: ${found.first_preview.map((run) => `${run.preview_seen} ms`).join(", ")}`);
found.lighthouse = await withService(undefined, async (service) => {
  await stock(service);
  return scores(service, Number(values.lighthouse));
});
if (times) {
  await writeFile(join(OUT, "studio.json"), `${JSON.stringify(found, null, 2)}\n`);
  await writeFile(join(OUT, "studio.md"), report(found));
}

const passed = [
  found.script_bytes > LIMITS.script_bytes && "script",
  ...found.lighthouse.flatMap((row) => CATEGORIES.filter((name) => row[name] < LIMITS.score).map((name) => `${row.page}, ${row.form}: ${name} ${row[name]} (${row.lost_points.join(", ")})`)),
  times > 0 && median(found.first_preview.map((run) => run.preview_seen)) > LIMITS.first_preview_ms && "first preview",
].filter(Boolean);
if (passed.length) {
  console.error(`Over the budget: ${passed.join("; ")}`);
  process.exitCode = 1;
}
