// A list of the service, newest first, of which as many pages are read as were asked for.
import { signal } from "@preact/signals";

interface Page<Item> {
  items: Item[];
  next: string | null; // where the page after it begins
}

/** `read` fetches the page that begins at a place, or the first one. */
export function pagedList<Item extends { id: string }>(read: (after: string | null) => Promise<Page<Item>>) {
  const items = signal<readonly Item[]>([]);
  const load = signal<"idle" | "loading" | "done" | "failed">("idle");
  const next = signal<string | null>(null);
  const deleted = new Set<string>(); // an answer that was on its way when an item was deleted does not bring it back

  /** Newest first, each once; of two readings of the same item the first counts. */
  function merged(fresh: readonly Item[], others: readonly Item[]): Item[] {
    const known = new Set(fresh.map(({ id }) => id));
    return [...fresh, ...others.filter(({ id }) => !known.has(id))]
      .filter(({ id }) => !deleted.has(id))
      .sort((a, b) => (a.id < b.id ? 1 : -1));
  }

  async function readPage(after: string | null): Promise<void> {
    if (load.value !== "done") load.value = "loading";
    try {
      const page = await read(after);
      const end = page.items.at(-1)?.id ?? "";
      // What the first page passes over is gone; what lies beyond it is not known to be.
      const beyond = items.value.filter(({ id }) => after !== null || (page.next !== null && id < end));
      const joined = items.value.some(({ id }) => id === end); // else there may be others between the two
      items.value = merged(page.items, beyond);
      if (after !== null || !beyond.length || !joined) next.value = page.next;
      load.value = "done";
    } catch {
      load.value = "failed"; // the view says so and offers to try again
    }
  }

  return {
    items,
    load,
    /** Where the first page that was not read begins; null: all were read. */
    next,
    /** Read the first page again. */
    refresh: () => readPage(null),
    /** Read the next page. */
    more: () => readPage(next.value),
    put: (item: Item) => (items.value = merged([item], items.value)),
    /** Take an item out that the service has deleted. */
    drop(id: string) {
      deleted.add(id);
      items.value = merged([], items.value);
    },
  };
}

export type PagedList = Pick<ReturnType<typeof pagedList>, "load" | "next" | "refresh" | "more">;
