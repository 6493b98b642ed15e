// The styles that the service keeps for us.
import { computed, effect, signal } from "@preact/signals";
import { call, upload, type Style } from "../api/client";
import { send } from "../api/http";
import { t } from "../i18n";
import { saveBlob } from "../lib/files";
import { pagedList } from "./paged_list";
import { say, sayError } from "./toast";
import { dropStrip } from "./strips";
import { loadPresets, presets, type Face } from "./presets";
import { forgetStyle } from "./use";

/** One's own. */
export const own = pagedList<Style>((after) => {
  void loadPresets();
  return call("get", "/v1/styles", { query: { modality: "image", limit: 24, after } });
});
export const styles = computed(() => own.items.value.filter(({ id }) => !hidden.value.includes(id)));
export const ready = computed(() => styles.value.filter((style) => style.status === "ready"));

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

effect(() => {
  if (own.load.value !== "done") return;
  if (ready.value.length) localStorage.setItem(SLOT, "");
  else localStorage.removeItem(SLOT);
});

let reading: Promise<void> | null = null;

/** Read one's own again. Who asks while they are on their way waits with the others. */
export function refresh(): Promise<void> {
  return (reading ??= own.refresh().finally(() => (reading = null)));
}

/** Read one style into the list. Raises ApiError. */
export async function fetchStyle(id: string): Promise<Style> {
  const style = await call("get", "/v1/styles/{style_id}", { path: { style_id: id } });
  if (!style.preset) own.put(style);
  return style;
}

export async function rename(id: string, name: string): Promise<void> {
  own.put(await call("patch", "/v1/styles/{style_id}", { path: { style_id: id }, body: { name } }));
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
  dropStrip(id);
  own.drop(id);
  forgetStyle(id);
}

/** Learn an outdated style again from its pictures; the id of the job. Raises ApiError. */
export async function relearn(id: string): Promise<string> {
  const { style, job } = await call("post", "/v1/styles/{style_id}/relearn", { path: { style_id: id } });
  own.put(style);
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
  own.put(style);
  return style;
}

export async function exportFile(style: Style): Promise<void> {
  const response = await send(`/v1/styles/${style.id}/file`);
  saveBlob(await response.blob(), `${style.name ?? style.id}.safetensors`);
}
