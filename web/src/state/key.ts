// The API key: in memory, or in the tab's session storage when the person says so.
import { signal } from "@preact/signals";
import { keyring } from "../api/http";

const SLOT = "fewstroke.key";

const stored = sessionStorage.getItem(SLOT);
let key = stored ?? "";

/** Whether a key is in use. */
export const hasKey = signal(key !== "");
/** The open question for a key; null when none is asked. */
export const question = signal<{ refused: boolean } | null>(null);

let waiting: ((given: boolean) => void)[] = [];

keyring.header = (): Record<string, string> => (key ? { Authorization: `Bearer ${key}` } : {});
keyring.ask = (refused) =>
  new Promise((resolve) => {
    waiting.push(resolve);
    question.value ??= { refused };
  });

export function give(value: string, remember: boolean): void {
  key = value.trim();
  hasKey.value = key !== "";
  if (remember) sessionStorage.setItem(SLOT, key);
  else sessionStorage.removeItem(SLOT);
  settle(true);
}

export function decline(): void {
  settle(false);
}

export function forget(): void {
  key = "";
  hasKey.value = false;
  sessionStorage.removeItem(SLOT);
}

function settle(given: boolean): void {
  const all = waiting;
  waiting = [];
  question.value = null;
  for (const resolve of all) resolve(given);
}
