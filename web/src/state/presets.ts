// The styles that come with the service: for everybody, without learning.
import { signal } from "@preact/signals";
import { call, type Style } from "../api/client";
import { ORDER } from "../lib/presets";

export const presets = signal<Style[]>([]);
/** Whether they are still on their way: there is room for them then. */
export const coming = signal(true);

let reading: Promise<void> | null = null;

/** Read them, unless they are there. Who asks while they are on their way waits with the others. */
export function loadPresets(): Promise<void> {
  if (presets.value.length) return Promise.resolve();
  return (reading ??= read().finally(() => (reading = null)));
}

async function read(): Promise<void> {
  try {
    const page = await call("get", "/v1/styles", { query: { preset: true, status: ["ready"], limit: 100 } });
    presets.value = page.items.filter(({ preset }) => preset).sort((a, b) => place(a) - place(b));
  } catch {
    // the page works without them, and asks again with the list of styles
  } finally {
    coming.value = false;
  }
}

function place(style: Style): number {
  const at = ORDER.indexOf(style.preset!.slug);
  return at < 0 ? ORDER.length : at;
}
