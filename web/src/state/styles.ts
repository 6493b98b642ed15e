// The styles that the service keeps for us.
import { computed, signal } from "@preact/signals";
import { call, upload, type Style } from "../api/client";
import { send } from "../api/http";
import { t } from "../i18n";
import { saveBlob } from "../lib/files";
import { say, sayError } from "./toast";
import { dropStrip } from "./strips";
import { loadPresets, presets, type Face } from "./presets";
import { forgetStyle } from "./use";

const all = signal<Style[]>([]);
export const styles = computed(() => all.value.filter(({ id }) => !hidden.value.includes(id)));
export const ready = computed(() => styles.value.filter((style) => style.status === "ready"));
export const load = signal<"idle" | "loading" | "done" | "failed">("idle");
export const nextPage = signal<string | null>(null);

/** One's own and those that come with the service, as far as they can be applied. */
export const usable = computed(() => [...presets.value, ...ready.value]);

export function nameOf(style: Face | undefined): string {
  const known = style?.preset && t.presets[style.preset.slug];
  return known?.name ?? (style?.name || t.app.untitled);
}

/** A style that was read before. */
export function find(id: string): Style | undefined {
  return styles.value.find((style) => style.id === id) ?? presets.value.find((style) => style.id === id);
}

const SLOT = "fewstroke.own";

/** Whether this browser saw styles of one's own the last time. */
export function hadOwn(): boolean {
  return localStorage.getItem(SLOT) !== null;
}

let reading: Promise<void> | null = null;

/** Read the first page again, or the next one. Who asks for the first page while it is on its way waits with the others. */
export function refresh({ more = false } = {}): Promise<void> {
  if (more) return read(true);
  return (reading ??= read(false).finally(() => (reading = null)));
}

async function read(more: boolean): Promise<void> {
  if (load.value !== "done") load.value = "loading";
  void loadPresets();
  try {
    const after = more ? nextPage.value : null;
    const page = await call("get", "/v1/styles", { query: { modality: "image", limit: 24, ...(after && { after }) } });
    const end = page.items.at(-1)?.id ?? "";
    // What the first page passes over is gone; what lies beyond it is not known to be.
    const beyond = all.value.filter(({ id }) => more || (page.next !== null && id < end));
    const joined = all.value.some(({ id }) => id === end); // else there may be others between the two
    all.value = merged(page.items, beyond);
    if (more || !beyond.length || !joined) nextPage.value = page.next;
    load.value = "done";
    if (ready.value.length) localStorage.setItem(SLOT, "");
    else localStorage.removeItem(SLOT);
  } catch {
    load.value = "failed"; // the view says so and offers to try again
  }
}

/** Read one style into the list. Raises ApiError. */
export async function fetchStyle(id: string): Promise<Style> {
  const style = await call("get", "/v1/styles/{style_id}", { path: { style_id: id } });
  if (!style.preset) put(style);
  return style;
}

export function put(style: Style): void {
  all.value = merged([style], all.value);
}

const deleted = new Set<string>(); // an answer that was on its way when a style went does not bring it back

/** Newest first, each once; of two readings of the same style the first counts. */
function merged(fresh: Style[], others: Style[]): Style[] {
  const known = new Set(fresh.map(({ id }) => id));
  return [...fresh, ...others.filter(({ id }) => !known.has(id))]
    .filter(({ id }) => !deleted.has(id))
    .sort((a, b) => (a.id < b.id ? 1 : -1));
}

export async function rename(id: string, name: string): Promise<void> {
  put(await call("patch", "/v1/styles/{style_id}", { path: { style_id: id }, body: { name } }));
}

const hidden = signal<readonly string[]>([]);

/** A style that is going, and may still come back, is not shown. */
export function hide(id: string): void {
  hidden.value = [...hidden.value, id];
  forgetStyle(id);
}

export function unhide(id: string): void {
  hidden.value = hidden.value.filter((one) => one !== id);
}

/** `leaving`: also when the page is being left. */
export async function remove(id: string, { leaving = false } = {}): Promise<void> {
  await call("delete", "/v1/styles/{style_id}", { path: { style_id: id }, keepalive: leaving });
  deleted.add(id);
  dropStrip(id);
  all.value = merged([], all.value);
  forgetStyle(id);
}

/** Learn an outdated style again from its pictures; the id of the job. Raises ApiError. */
export async function relearn(id: string): Promise<string> {
  const { style, job } = await call("post", "/v1/styles/{style_id}/relearn", { path: { style_id: id } });
  put(style);
  return job.id;
}

export const importing = signal(0); // files that are on their way

/** Take style files in, one after the other; says what became of each. */
export async function importStyles(files: File[]): Promise<void> {
  importing.value += files.length;
  for (const file of files) {
    try {
      say(t.styles.imported(nameOf(await importFile(file))));
    } catch (error) {
      sayError(error);
    } finally {
      importing.value -= 1;
    }
  }
}

async function importFile(file: File): Promise<Style> {
  const name = file.name.replace(/\.safetensors$/i, "").slice(0, 200);
  const style = await upload("/v1/styles/import", { file: { blob: file, name: file.name }, name });
  put(style);
  return style;
}

export async function exportFile(style: Style): Promise<void> {
  const response = await send(`/v1/styles/${style.id}/file`);
  saveBlob(await response.blob(), `${style.name ?? style.id}.safetensors`);
}
