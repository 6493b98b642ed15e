import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { basename, join, relative, resolve } from "node:path";
import { defineConfig, type Plugin } from "vite";

const here = import.meta.dirname;
const pictures = resolve(here, "../app/studio/pictures");
const api = process.env.FEWSTROKE_URL ?? "http://127.0.0.1:8000";

/** SHA-256 over the sources, shipped with the build: a test without Node compares (tests/studio). */
function sourceHash(): Plugin {
  return {
    name: "source-hash",
    generateBundle() {
      const sources = readdirSync(join(here, "src"), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(here.length + 1));
      const hash = createHash("sha256");
      for (const name of [...sources, "index.html", "package-lock.json", "vite.config.ts"].sort())
        hash.update(`${name}\n`).update(readFileSync(join(here, name)));
      this.emitFile({ type: "asset", fileName: "source.sha256", source: `${hash.digest("hex")}\n` });
    },
  };
}

/** Pictures stay in app/studio/pictures: their names hold their content, and pictures.json says which they are. */
function picturesInPlace(): Plugin {
  return {
    name: "pictures-in-place",
    enforce: "post",
    generateBundle(_, bundle) {
      const found: Record<string, string> = {};
      for (const [name, item] of Object.entries(bundle)) {
        if (item.type !== "asset") continue;
        const sources = item.originalFileNames.map((file) => relative(pictures, resolve(here, file)));
        const source = sources.sort().find((file) => !file.startsWith(".."));
        if (!source) continue;
        found[basename(name)] = source;
        delete bundle[name];
      }
      const listed = Object.fromEntries(Object.entries(found).sort());
      this.emitFile({ type: "asset", fileName: "pictures.json", source: `${JSON.stringify(listed, null, 1)}\n` });
    },
  };
}

export default defineConfig({
  base: "./", // the service may sit below a path of a reverse proxy
  plugins: [sourceHash(), picturesInPlace()],
  build: {
    outDir: resolve(here, process.env.STUDIO_OUT ?? "../app/studio/static"),
    emptyOutDir: true,
    assetsInlineLimit: 0, // everything by its own hashed URL: the policy allows no inline code
    modulePreload: { polyfill: false },
    target: "es2022",
  },
  // The name in the address bar goes on to the service, which takes pages of its own only.
  server: { proxy: Object.fromEntries(["/v1", "/readyz", "/livez"].map((path) => [path, { target: api }])) },
});
