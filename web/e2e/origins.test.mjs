// Who may use a service without keys, asked by a real browser: its own pages, and no page of anybody else.
import assert from "node:assert/strict";
import { createServer, request as forward } from "node:http";
import { after, before, describe, it } from "node:test";
import { startBrowser, startService } from "./harness.mjs";

// Every name of these leads here, as that of an attacker may (DNS rebinding).
const NAMES = "--host-resolver-rules=MAP *.example 127.0.0.1, MAP fewstroke.lan 127.0.0.1";

const listen = (server) =>
  new Promise((listening) => server.listen(0, "127.0.0.1", () => listening(server.address().port)));

/** What a page does: makes a style with a form, as pages of any site may send one, and reads what there is. */
const act = async ([target, method]) => {
  if (method === "GET") return fetch(`${target}/v1/styles`).then((answer) => answer.status, () => 0);
  const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 64 });
  canvas.getContext("2d").fillRect(0, 0, 32, 64);
  const form = new FormData();
  form.append("examples", await new Promise((made) => canvas.toBlob(made)), "a.png");
  return fetch(`${target}/v1/styles`, { method: "POST", mode: "no-cors", body: form }).then(
    (answer) => answer.status,
    () => 0,
  );
};

describe("pages and origins", { timeout: 600_000 }, () => {
  let browser, services, foreign, proxies;
  const servers = [];

  /** A server of pages, as any other program of this machine or any site may be. */
  const pages = async () => {
    const server = createServer((_, answer) => answer.setHeader("Content-Type", "text/html").end("<p>page"));
    servers.push(server);
    return listen(server);
  };
  /** A reverse proxy in front of a service; `headers`: what it adds to the name of the service. */
  const proxy = async (port, headers) => {
    const server = createServer((asked, answer) => {
      const passed = { ...asked.headers, host: `127.0.0.1:${port}`, ...headers };
      const options = { host: "127.0.0.1", port, path: asked.url, method: asked.method, headers: passed };
      asked.pipe(forward(options, (got) => got.pipe(answer.writeHead(got.statusCode, got.headers))));
    });
    servers.push(server);
    return listen(server);
  };
  const port = (service) => new URL(service.url).port;
  const made = async (service) => (await service.api("/v1/styles?limit=100")).items.length;

  before(async () => {
    const [auto, open] = await Promise.all([
      startService(),
      startService({ FEWSTROKE_AUTH: "open", FEWSTROKE_HOSTS: "fewstroke.lan" }),
    ]);
    services = { auto, open };
    foreign = await pages();
    proxies = {
      plain: await proxy(port(auto), {}),
      telling: await proxy(port(auto), { "x-forwarded-for": "203.0.113.7", "x-forwarded-proto": "https" }),
      open: await proxy(port(open), {}),
    };
    browser = await startBrowser(NAMES);
  });
  after(async () => {
    await browser?.close();
    servers.forEach((server) => server.close());
    await Promise.all(Object.values(services ?? {}).map((service) => service.stop()));
  });

  // mode, where the page is, what it asks, and whether that is done
  const own = "the service's own page";
  const table = [
    ["auto", own, () => services.auto.url, () => services.auto.url, true],
    ["auto", "its own page by another name of this machine", () => `http://localhost:${port(services.auto)}`, null, true],
    ["auto", "another port", () => `http://127.0.0.1:${foreign}`, () => services.auto.url, false],
    ["auto", "another port of localhost", () => `http://localhost:${foreign}`, () => services.auto.url, false],
    ["auto", "another site", () => `http://evil.example:${foreign}`, () => services.auto.url, false],
    ["auto", "a name that was made to lead here", () => `http://evil.example:${port(services.auto)}`, null, false],
    ["auto", "behind a proxy that says so", () => `http://site.example:${proxies.telling}`, null, false],
    ["open", own, () => services.open.url, () => services.open.url, true],
    ["open", "its own page by a name that is listed", () => `http://fewstroke.lan:${port(services.open)}`, null, true],
    ["open", "another port", () => `http://127.0.0.1:${foreign}`, () => services.open.url, false],
    ["open", "another site", () => `http://evil.example:${foreign}`, () => `http://fewstroke.lan:${port(services.open)}`, false],
    ["open", "a name that was made to lead here", () => `http://evil.example:${port(services.open)}`, null, false],
  ];
  for (const [mode, where, page, target, welcome] of table)
    for (const method of ["POST", "GET"])
      it(`${mode}: ${method} by ${where} is ${welcome ? "done" : "refused"}`, async () => {
        const tab = await browser.newPage();
        try {
          await tab.goto(page());
          const before = await made(services[mode]);
          const status = await tab.evaluate(act, [(target ?? page)(), method]);
          const allowed = method === "POST" ? (await made(services[mode])) > before : status === 200;
          assert.equal(allowed, welcome, `status ${status}`);
        } finally {
          await tab.close();
        }
      });

  it("a page behind a proxy that says nothing changes nothing", async () => {
    // It reads: nothing tells it from a program of this machine. README: a proxy needs FEWSTROKE_AUTH=keys.
    const tab = await browser.newPage();
    await tab.goto(`http://site.example:${proxies.plain}`);
    const before = await made(services.auto);
    await tab.evaluate(act, [`http://site.example:${proxies.plain}`, "POST"]);
    assert.equal(await made(services.auto), before);
    await tab.close();
  });

  it("a page without an origin is nobody's", async () => {
    const tab = await browser.newPage();
    await tab.goto(`http://127.0.0.1:${foreign}`);
    const before = await made(services.auto);
    const status = await tab.evaluate(
      ([code, target]) =>
        new Promise((answered) => {
          addEventListener("message", (event) => answered(event.data));
          const frame = document.createElement("iframe");
          frame.sandbox = "allow-scripts";
          frame.srcdoc = `<script>(${code})(["${target}", "POST"]).then((status) => parent.postMessage(status, "*"))</script>`;
          document.body.append(frame);
        }),
      [act.toString(), services.auto.url],
    );
    assert.equal(await made(services.auto), before, `status ${status}`);
    await tab.close();
  });
});
