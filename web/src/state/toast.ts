// Short messages at the edge of the page, read out by screen readers.
import { signal } from "@preact/signals";
import { ApiError, NetworkError } from "../api/http";
import { t } from "../i18n";

export interface Toast {
  id: number;
  text: string;
  kind: "note" | "hint" | "error"; // done; not done, and why; not done, and to be read: this one stays
  undo?: () => void;
}

export const toasts = signal<Toast[]>([]);
/** Read out, not shown: for changes that sighted people see anyway. */
export const announcement = signal("");

let next = 1;

export function say(text: string, kind: Toast["kind"] = "note"): void {
  const id = next++;
  // A new note takes the place of the last one; of errors, two are kept.
  const others = toasts.value.filter((toast) => toast.kind === "error" && toast.text !== text).slice(-1);
  toasts.value = [...others, { id, text, kind }];
  if (kind !== "error") setTimeout(() => dismiss(id), 6000);
}

const UNDO = 8000; // ms

/** Say what was done, with a way back for a moment. `done` is called when there is none any more, also when the page
 * is left before that. */
export function offerUndo(text: string, { undo, done }: { undo: () => void; done: () => void }): void {
  const id = next++;
  let open = true;
  const close = (then: () => void) => {
    if (!open) return;
    open = false;
    clearTimeout(timer);
    removeEventListener("pagehide", leave);
    dismiss(id);
    then();
  };
  const leave = () => close(done);
  const timer = setTimeout(() => close(done), UNDO);
  addEventListener("pagehide", leave);
  toasts.value = [...toasts.value.filter((toast) => toast.kind === "error").slice(-1), { id, text, kind: "note", undo: () => close(undo) }];
}

export function dismiss(id: number): void {
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
}

/** A touch puts away what was only to be read: on a phone it lies over what is touched next. */
addEventListener("pointerdown", ({ pointerType, target }) => {
  if (pointerType === "mouse" || (target as Element).closest(".toasts")) return;
  toasts.value = toasts.value.filter(({ kind, undo }) => kind === "error" || undo);
});

export function announce(text: string): void {
  announcement.value = text;
}

/** A sentence for a person about whatever was thrown. */
export function sentence(error: unknown): string {
  if (error instanceof NetworkError) return t.errors.network;
  if (error instanceof ApiError) return explain(error.code, error.detail);
  return error instanceof Error ? error.message : String(error);
}

/** The translated sentence of an error code; the service's own words where they say more. */
export function explain(code: string, detail: string): string {
  const known = t.errors.byCode[code];
  if (code === "validation_failed" || !known) return detail || t.errors.fallbackTitle;
  return known;
}

/** Which of `names` the service refused, counting from 1 as its sentences do; undefined: it named none. */
function refused(error: unknown, names: string[]): string | undefined {
  const found = error instanceof ApiError && /^File (\d+) of /.exec(error.detail);
  return found ? names[Number(found[1]) - 1] : undefined;
}

/** As `sayError`, naming the file that the service refused. */
export function sayRefusal(error: unknown, names: string[]): void {
  const name = refused(error, names);
  if (name === undefined) sayError(error);
  else say(t.errors.named(name, sentence(error)), "error");
}

export function sayError(error: unknown): void {
  if (error instanceof DOMException && error.name === "AbortError") return;
  say(sentence(error), "error");
}
