// `fewstroke serve` with a quick engine, on a folder of its own.
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "../../..");

export async function startService() {
  const folder = await mkdtemp(join(tmpdir(), "fewstroke-client-"));
  const child = spawn(process.env.PYTHON ?? join(ROOT, ".venv/bin/python"), ["-m", "tests.studio.serve"], {
    cwd: ROOT,
    env: { ...process.env, PYTHONPATH: ROOT, FEWSTROKE_DATA_DIR: folder, FEWSTROKE_PORT: "0" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  const url = await new Promise((found, failed) => {
    const listen = (chunk) => {
      log += chunk;
      const ready = /ready: (http:\/\/\S+)/.exec(log);
      if (ready) found(ready[1]);
    };
    child.stdout.on("data", listen);
    child.stderr.on("data", listen);
    child.on("error", failed);
    child.on("exit", () => failed(new Error(`the service ended: ${log}`)));
  });
  return {
    url,
    async stop() {
      const ended = new Promise((done) => child.once("exit", done));
      child.kill("SIGTERM");
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
