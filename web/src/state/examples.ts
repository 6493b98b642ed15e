// The pictures that a style was learned from, as links that need no key.
import { signal } from "@preact/signals";
import { call, type Style } from "../api/client";
import { urlOf } from "../api/http";

/** By style; undefined: not asked for. Empty: they are not kept any more. */
export const examples = signal<Record<string, string[]>>({});

const asked = new Set<string>();

export async function wantExamples(style: Style): Promise<void> {
  if (!style.job_id || asked.has(style.id)) return;
  asked.add(style.id);
  try {
    const page = await call("get", "/v1/images", { query: { job_id: style.job_id, role: ["example"], limit: 16 } });
    examples.value = { ...examples.value, [style.id]: page.items.map(({ url }) => urlOf(url)).reverse() };
  } catch {
    asked.delete(style.id); // asked for again when the style is shown again
  }
}
