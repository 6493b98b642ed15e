// A real service with a quick engine, and a real browser, for tests and screenshots.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { chromium } from "playwright-core";

export const ROOT = resolve(import.meta.dirname, "../..");
const VENV = join(ROOT, ".venv/bin/python");
export const PYTHON = process.env.PYTHON ?? (existsSync(VENV) ? VENV : "python3");
export const PATIENCE = 150_000; // ms; machines are busy

export const CHROMIUM =
  process.env.CHROMIUM ??
  ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) => existsSync(path));

export const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
];

const leftovers = new Set();

/** Run `work` when this process ends, also by a signal, unless it was called off (the answer) before. */
export function atExit(work) {
  leftovers.add(work);
  return () => leftovers.delete(work);
}
process.on("exit", () => leftovers.forEach((work) => work()));
for (const [signal, number] of Object.entries({ SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }))
  process.on(signal, () => process.exit(128 + number));

/** `fewstroke serve` on a folder of its own. `module`: what to run instead of the quick engine. */
export async function startService(env = {}, module = ["-m", "tests.studio.serve"], { ownSession = false } = {}) {
  const folder = await mkdtemp(join(tmpdir(), "fewstroke-studio-"));
  const environment = {
    ...process.env,
    PYTHONPATH: ROOT,
    FEWSTROKE_DATA_DIR: folder,
    FEWSTROKE_PORT: "0",
    ...env,
  };
  const child = spawn(PYTHON, module, {
    cwd: ROOT,
    env: environment,
    stdio: ["ignore", "pipe", "pipe"],
    detached: ownSession, // the kernel shares processor time by session first, and a browser has one of its own
  });
  const calledOff = atExit(() => child.kill("SIGKILL"));
  let log = "";
  const hold = join(folder, "hold");
  const fail = join(folder, "fail");
  const url = await new Promise((found, failed) => {
    const listen = (chunk) => {
      log += chunk;
      const ready = /ready: (http:\S+)/.exec(log);
      if (ready) found(ready[1]);
    };
    child.stdout.on("data", listen);
    child.stderr.on("data", listen);
    child.once("exit", () => failed(new Error(`the service ended:\n${log}`)));
    globalThis.setTimeout(() => failed(new Error(`the service is not ready:\n${log}`)), 3 * PATIENCE).unref();
  });
  return {
    url,
    folder,
    environment,
    log: () => log,
    /** Steps and renderings wait until `release`. */
    hold: () => writeFile(hold, ""),
    release: () => Promise.all([hold, fail].map((file) => rm(file, { force: true }))),
    /** Steps and renderings fail until `release`. */
    fail: () => writeFile(fail, ""),
    /** Wait until nothing is queued or running. */
    async idle() {
      while ((await this.api("/v1/jobs?state=queued&state=running&limit=1")).items.length) await sleep(100);
    },
    async killWorker() {
      process.kill(Number(await readFile(join(folder, "worker.pid"), "utf8")), "SIGKILL");
    },
    async api(path, init) {
      const answer = await fetch(url + path, init);
      return answer.status === 204 ? null : answer.json();
    },
    async stop() {
      child.removeAllListeners("exit");
      const ended = new Promise((done) => child.once("exit", done));
      child.kill("SIGKILL"); // its children end with it
      await ended;
      calledOff();
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

export async function startBrowser(...flags) {
  if (!CHROMIUM) throw new Error("There is no Chromium here: install the package “chromium”, or set CHROMIUM to one.");
  return chromium.launch({ executablePath: CHROMIUM, args: [...FLAGS, ...flags] });
}

/** A page in a context of its own, that fails on errors of the page and on requests to others. */
export async function openPage(browser, url, options = {}) {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 900 },
    locale: "en-GB",
    reducedMotion: "reduce",
    acceptDownloads: true,
    ...options,
  });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(`page: ${error.stack ?? error}`));
  page.on("console", (message) => {
    if (/Content Security Policy|Trusted/i.test(message.text())) problems.push(`policy: ${message.text()}`);
  });
  page.on("request", (request) => {
    if (!/^(blob|data):/.test(request.url()) && !request.url().startsWith(url))
      problems.push(`elsewhere: ${request.url()}`);
  });
  return { context, page, problems };
}

export const sample = (name) => join(ROOT, "app/studio/pictures", name);
