// The styles that come with the service: for everybody, without learning.
import { computed, signal } from "@preact/signals";
import { call, type Style } from "../api/client";
import { idOf, ORDER } from "../lib/presets";

/** What is drawn of a style. */
export interface Face extends Pick<Style, "id" | "name" | "status"> {
  preset: Pick<NonNullable<Style["preset"]>, "slug" | "artist"> | null;
}

const read = signal<Style[] | null>(null);

/** Those of this service; none until it answers. */
export const presets = computed(() => read.value ?? []);
/** Those to be offered: until the service says which it has, those that this build has pictures of. */
export const offered = computed<Face[]>(() => read.value ?? ORDER.map(expected));
/** Whether the service said which it has. */
export const known = computed(() => read.value !== null);

let reading: Promise<void> | null = null;

/** Read them, unless they are there. Who asks while they are on their way waits with the others. */
export function loadPresets(): Promise<void> {
  if (presets.value.length) return Promise.resolve();
  return (reading ??= ask().finally(() => (reading = null)));
}

async function ask(): Promise<void> {
  try {
    const page = await call("get", "/v1/styles", { query: { preset: true, status: ["ready"], limit: 100 } });
    read.value = page.items.filter(({ preset }) => preset).sort((a, b) => place(a) - place(b));
  } catch {
    // the page works without them, and asks again with the list of styles
  }
}

function expected(slug: string): Face {
  return { id: idOf(slug), name: null, status: "ready", preset: { slug, artist: "" } };
}

function place(style: Style): number {
  const at = ORDER.indexOf(style.preset!.slug);
  return at < 0 ? ORDER.length : at;
}
