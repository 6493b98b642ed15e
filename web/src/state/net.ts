// Whether the service can be reached, and whether anybody works there.
import { computed, effect, signal } from "@preact/signals";
import { reachable, urlOf } from "../api/http";
import { t } from "../i18n";
import { say } from "./toast";

export const online = signal(navigator.onLine);
addEventListener("online", () => (online.value = true));
addEventListener("offline", () => (online.value = false));

export const connection = computed<"ok" | "offline" | "unreachable">(() =>
  !online.value ? "offline" : reachable.value ? "ok" : "unreachable",
);

let timer: ReturnType<typeof setTimeout> | undefined;
let wasAway = false;

effect(() => {
  clearTimeout(timer);
  if (connection.value === "ok") {
    if (wasAway) say(t.net.back);
    wasAway = false;
    return;
  }
  wasAway = true;
  if (connection.value === "unreachable") knock(1000);
});

function knock(delay: number): void {
  timer = setTimeout(() => {
    fetch(urlOf("/livez"))
      .then(() => (reachable.value = true))
      .catch(() => knock(Math.min(delay * 1.5, 8000)));
  }, delay);
}

/** False when the service says that no worker has a fresh heartbeat. */
export async function hasWorker(): Promise<boolean> {
  try {
    const answer = (await (await fetch(urlOf("/readyz"))).json()) as { workers: number };
    return answer.workers > 0;
  } catch {
    return true; // not known: other notices speak of the connection
  }
}
