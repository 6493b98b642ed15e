// The studio below a prefix of a real nginx, with the configuration that is shipped (deploy/nginx).
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { drop, eventually } from "./acts.mjs";
import { atExit, openPage, ROOT, sample, startBrowser, startService } from "./harness.mjs";

const NGINX = ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/opt/homebrew/bin/nginx"].find((path) => existsSync(path));

async function freePort() {
  const server = createServer();
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
}

/** nginx in front of the service: its URL, and what stops it. */
async function startNginx(service) {
  const folder = join(service.folder, "nginx");
  await mkdir(folder);
  const port = await freePort();
  const shipped = await readFile(join(ROOT, "deploy/nginx/fewstroke.conf"), "utf8");
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) => `${kind}_temp_path ${folder}/${kind};`);
  const config = `
    daemon off; pid ${folder}/nginx.pid; events { worker_connections 64; }
    http {
      access_log off; ${temporary.join(" ")}
      server { listen 127.0.0.1:${port}; ${shipped.replace("127.0.0.1:8000", new URL(service.url).host)} }
    }`;
  await writeFile(join(folder, "nginx.conf"), config);
  const child = spawn(NGINX, ["-e", join(folder, "error.log"), "-p", folder, "-c", join(folder, "nginx.conf")]);
  const calledOff = atExit(() => child.kill("SIGKILL"));
  const url = `http://127.0.0.1:${port}/fewstroke/`;
  await eventually(async () => assert.equal((await fetch(`${url}livez`)).status, 200));
  return {
    url,
    async stop() {
      const ended = new Promise((done) => child.once("exit", done));
      child.kill("SIGTERM");
      await ended;
      calledOff();
    },
  };
}

describe("the studio behind nginx", { timeout: 600_000, skip: NGINX ? false : "nginx is not installed" }, () => {
  let service, nginx, browser, context, page, problems;

  before(async () => {
    const settings = { FEWSTROKE_ROOT_PATH: "/fewstroke", FEWSTROKE_AUTH: "open" };
    [service, browser] = await Promise.all([startService(settings), startBrowser()]);
    nginx = await startNginx(service);
    // What is asked for beside the prefix is a problem.
    ({ context, page, problems } = await openPage(browser, nginx.url, { permissions: ["clipboard-read", "clipboard-write"] }));
  });
  after(async () => {
    await context?.close();
    await browser?.close();
    await nginx?.stop();
    await service?.stop();
  });

  const button = (name) => page.getByRole("button", { name });

  it("goes from dropped pictures to a result that others see by a link", async () => {
    await page.goto(nginx.url);
    await drop(page, ["great-wave", "poppies"].map((name) => sample(`examples/${name}.jpg`)));
    await page.locator(".example").nth(1).waitFor();
    await service.hold();
    await button("Learn this style").click();
    await page.locator(".easel > img").waitFor(); // a preview came while the stream was open
    await service.release();
    await page.getByRole("heading", { level: 1, name: "Learned" }).waitFor();
    await page.getByLabel("Name it").fill("Edo");
    await button("Keep it").click();
    await drop(page, [sample("photos/cat.jpg")]);
    await page.locator(".taking .primary:enabled").waitFor();

    await page.getByRole("link", { name: "Results" }).first().click();
    const wide = (image) => eventually(async () => assert.ok((await image.evaluate((one) => one.naturalWidth)) > 0));
    await wide(page.locator("main img").first());
    await page.getByRole("button", { name: /^Share: Edo/ }).first().click();
    await button("Copy a link").click();
    const link = await page.getByLabel("Link", { exact: true }).inputValue();
    assert.ok(link.startsWith(`${nginx.url}#/shared/`), link);
    await page.goto(link);
    await page.getByRole("heading", { name: "A photo in “Edo”" }).waitFor();
    for (const side of [".before", ".after"]) await wide(page.locator(`.compare ${side}`).first());
  });

  it("leads to the API's description, below the prefix", async () => {
    await page.goto(nginx.url);
    await page.locator("a.api").click();
    await page.getByText("/v1/stylizations", { exact: true }).first().waitFor();
    assert.equal(page.url(), `${nginx.url}docs`);
    assert.deepEqual(problems, []);
  });
});
