// Some of what a style was learned from, small, for the cards of "My styles". Kept in this browser: the pictures
// themselves, which are large, are loaded once at most.
import { signal } from "@preact/signals";
import { call, type Style } from "../api/client";
import { send } from "../api/http";
import { shrink } from "../lib/files";
import { load, save } from "../lib/store";

const LENGTH = 4;
const SIDE = 132; // px; seen at 44

/** Object URLs by style; undefined: not there yet. Empty: its pictures are not kept any more. */
export const strips = signal<Record<string, string[]>>({});

const slot = (id: string) => `strip-${id}`;
const asked = new Set<string>();

export async function wantStrip({ id, job_id }: Style): Promise<void> {
  if (!job_id || asked.has(id)) return;
  asked.add(id);
  try {
    show(id, (await load<Blob[]>(slot(id))) ?? (await keepStrip(id, await examplesOf(job_id))));
  } catch {
    asked.delete(id); // asked for again when the style is shown again
  }
}

/** Keep small copies of the first of these pictures. */
export async function keepStrip(id: string, pictures: { blob: Blob }[]): Promise<Blob[]> {
  const small = await Promise.all(pictures.slice(0, LENGTH).map((picture) => shrink(picture, SIDE)));
  await save(slot(id), small);
  return small;
}

/** Of a style that is gone. */
export function dropStrip(id: string): void {
  for (const url of strips.value[id] ?? []) URL.revokeObjectURL(url);
  const { [id]: _gone, ...rest } = strips.value;
  strips.value = rest;
  void save(slot(id), undefined);
}

function show(id: string, small: Blob[]): void {
  strips.value = { ...strips.value, [id]: small.map((blob) => URL.createObjectURL(blob)) };
}

async function examplesOf(job: string): Promise<{ blob: Blob }[]> {
  const page = await call("get", "/v1/images", { query: { job_id: job, role: ["example"], limit: 16 } });
  const first = page.items.reverse().slice(0, LENGTH); // the newest come first
  return Promise.all(first.map(async ({ url }) => ({ blob: await (await send(url)).blob() })));
}
