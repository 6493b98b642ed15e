// An exported style in Chromium gives the picture that the service gives.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { PATIENCE, PYTHON, ROOT, startBrowser } from "../../web/e2e/harness.mjs";
import { serve } from "./server.mjs";

// The engine itself makes what is expected: a zero-step style, its files, and the photo drawn in float32.
const EXPECTED = `
import sys
from pathlib import Path
from PIL import Image
from model.image.engine import Engine
from model.image.export import Precision, export_style
from model.image.rendering.renderer import Renderer
from model.image.engine_types import Rendering
from model.image.style import Style
folder = Path(sys.argv[1])
engine = Engine.load(device="cpu", renderer="torch")
data = engine.adapt([Image.open("app/studio/pictures/examples/great-wave.jpg")], steps=0).to_bytes()
style = Style.from_bytes(data, base_hash=engine.base_hash)
for precision in Precision:
    (folder / f"{precision.value}.onnx").write_bytes(export_style(data, precision=precision))
photo = Image.open(sorted(Path("app/studio/pictures/photos").glob("*.jpg"))[0]).convert("RGB")
photo.thumbnail((255, 255))
photo.save(folder / "photo.png")
renderer = Renderer(engine.base.networks, None, engine.shapes, device=engine.device, amp=False)
renderer.stylize_many([Rendering(photo, style)])[0].save(folder / "expected.png")
`;

describe("an exported style in the browser", { timeout: 600_000 }, () => {
  let folder, server, browser, page;
  const problems = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "fewstroke-browser-"));
    execFileSync(PYTHON, ["-c", EXPECTED, folder], { cwd: ROOT, stdio: ["ignore", "ignore", "inherit"] });
    [server, browser] = await Promise.all([serve(), startBrowser()]);
    page = await browser.newPage();
    page.setDefaultTimeout(PATIENCE);
    page.on("pageerror", (error) => problems.push(String(error)));
    page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
  });
  after(async () => {
    await browser?.close();
    server?.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** Largest and mean distance, of 255, between the canvas and the picture that is expected. */
  async function distance() {
    const expected = (await readFile(join(folder, "expected.png"))).toString("base64");
    return page.evaluate(async (base64) => {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
      const canvas = document.getElementById("picture");
      const sheet = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
      sheet.drawImage(bitmap, 0, 0);
      const [a, b] = [canvas.getContext("2d"), sheet].map(
        (each) => each.getImageData(0, 0, bitmap.width, bitmap.height).data,
      );
      const gaps = Array.from(a, (value, i) => Math.abs(value - b[i]));
      const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
      return { size: [canvas.width, canvas.height], wanted: [bitmap.width, bitmap.height], mean, largest: gaps.reduce((x, y) => Math.max(x, y), 0) };
    }, expected);
  }

  const state = (name) => page.locator(`#status[data-state=${name}]`).waitFor();

  for (const [precision, largest, mean] of [["fp32", 2, 0.1], ["fp16", 2, 0.1], ["int8", 15, 0.5]]) {
    it(`renders with ${precision} as the service does`, async () => {
      await page.locator("#photo").setInputFiles(join(folder, "photo.png"));
      await page.locator("#style").setInputFiles(join(folder, `${precision}.onnx`));
      await state("done");
      const found = await distance();
      console.log(precision, found, await page.locator("#status").textContent());
      assert.deepEqual(found.size, found.wanted);
      assert.ok(found.largest <= largest, `largest difference ${found.largest}`);
      assert.ok(found.mean <= mean, `mean difference ${found.mean}`);
      await page.reload();
    });
  }

  it("says what is wrong with a file that is no style", async () => {
    await writeFile(join(folder, "none.onnx"), "no style");
    await page.locator("#photo").setInputFiles(join(folder, "photo.png"));
    await page.locator("#style").setInputFiles(join(folder, "none.onnx"));
    await state("failed");
    assert.match(await page.locator("#status").textContent(), /fewstroke export/);
    await page.locator("#style").setInputFiles(join(folder, "int8.onnx")); // and goes on
    await state("done");
  });

  it("keeps to its content security policy", () => {
    assert.deepEqual(problems.filter((problem) => /policy|Refused|blocked/i.test(problem)), []);
  });
});
