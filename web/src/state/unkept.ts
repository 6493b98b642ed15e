// Styles that were learned here, and that nobody has said to keep: the page asks.
import { computed, signal } from "@preact/signals";
import { styles } from "./styles";

const SLOT = "fewstroke.unkept";
const MOST = 50; // that are remembered

function read(): string[] {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(SLOT) ?? "[]");
    return Array.isArray(found) ? found.filter((id) => typeof id === "string") : [];
  } catch {
    return [];
  }
}

const ids = signal<string[]>(read());

/** Those of the list that wait for an answer. */
export const unkept = computed(() => styles.value.filter(({ id, status }) => status === "ready" && ids.value.includes(id)));

function remember(next: string[]): void {
  ids.value = next.slice(-MOST);
  try {
    localStorage.setItem(SLOT, JSON.stringify(ids.value));
  } catch {
    // not asked for again in another visit
  }
}

export function learned(id: string): void {
  if (!ids.value.includes(id)) remember([...ids.value, id]);
}

/** Kept, or gone: there is nothing to ask any more. */
export function settled(id: string): void {
  if (ids.value.includes(id)) remember(ids.value.filter((one) => one !== id));
}
