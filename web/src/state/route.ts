// Hash routes: the server needs to know one page only, and a reload comes back to the same place.
import { signal } from "@preact/signals";

export type Route =
  | { view: "make"; job: string | null }
  | { view: "use"; styles: string[] }
  | { view: "styles"; style: string | null }
  | { view: "results" }
  | { view: "music" }
  | { view: "check" }
  | { view: "batches" }
  | { view: "shared"; token: string };

function read(): Route {
  const [path = "", search = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [view, rest] = path.split("/");
  if (view === "use") {
    const styles = (new URLSearchParams(search).get("style") ?? "").split(",").filter(Boolean).slice(0, 4);
    return { view, styles };
  }
  if (view === "styles") return { view, style: rest || null };
  if (view === "results" || view === "music" || view === "check" || view === "batches") return { view };
  if (view === "shared" && rest) return { view, token: rest };
  return { view: "make", job: rest || null };
}

export const route = signal<Route>(read());
addEventListener("hashchange", sync);

/** Read the address now: its event comes later, and other events may come between. */
export function sync(): void {
  const now = read();
  if (JSON.stringify(now) !== JSON.stringify(route.value)) route.value = now;
}

export const href = {
  make: "#/make",
  learning: (job: string) => `#/make/${job}`,
  use: (...styles: string[]) => (styles.length ? `#/use?style=${styles.join(",")}` : "#/use"),
  styles: "#/styles",
  style: (id: string) => `#/styles/${id}`,
  results: "#/results",
  music: "#/music",
  check: "#/check",
  batches: "#/batches",
};

export function go(hash: string, { replace = false } = {}): void {
  if (!replace) {
    location.hash = hash;
    return;
  }
  history.replaceState(null, "", hash);
  sync();
}
