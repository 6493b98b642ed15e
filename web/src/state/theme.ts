// Light or dark: as the device has it, or as the person says.
import { effect, signal } from "@preact/signals";

export type Theme = "auto" | "light" | "dark";

const SLOT = "fewstroke.theme";
const PAPER = { light: "#f7f4ee", dark: "#141311" }; // of the browser's own frame
const stored = localStorage.getItem(SLOT);

export const theme = signal<Theme>(stored === "light" || stored === "dark" ? stored : "auto");

effect(() => {
  const now = theme.value;
  if (now === "auto") localStorage.removeItem(SLOT);
  else localStorage.setItem(SLOT, now);
  document.documentElement.dataset["theme"] = now;
  for (const meta of document.querySelectorAll<HTMLMetaElement>("meta[name=theme-color]"))
    meta.content = PAPER[now === "auto" ? (meta.media.includes("dark") ? "dark" : "light") : now];
});
