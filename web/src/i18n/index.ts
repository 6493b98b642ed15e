// The browser's first language that we have, and the region whose dates its reader expects.
import { en, type Words } from "./en";
import { zh } from "./zh";

export type Language = "en" | "zh";

const SLOT = "fewstroke.language";

function choose(): [Words, string] {
  const wanted = localStorage.getItem(SLOT);
  if (wanted === "zh") return [zh, zh.lang];
  if (wanted === "en") return [en, navigator.languages.find((one) => one.toLowerCase().startsWith("en")) ?? en.lang];
  for (const language of navigator.languages) {
    if (language.toLowerCase().startsWith("zh")) return [zh, language];
    if (language.toLowerCase().startsWith("en")) return [en, language];
  }
  return [en, en.lang];
}

const [words, region] = choose();
export const t = words;
document.documentElement.lang = t.lang;

export const language: Language = words === zh ? "zh" : "en";

/** From now on in this language: the page is loaded again, and loses nothing. */
export function speak(wanted: Language): void {
  localStorage.setItem(SLOT, wanted);
  location.reload();
}

/** A span of time, for people. */
export function span(seconds: number): string {
  const whole = Math.round(seconds);
  return t.time(Math.floor(whole / 60), whole % 60);
}

/** A day, for people. Not by `Intl`: its first use costs a list that comes 25 ms on a desk, 100 ms on a phone. */
export function dayOf(time: string): string {
  const day = new Date(time);
  return t.day(day.getFullYear(), day.getMonth(), day.getDate());
}

/** A minute, for people. */
export function momentOf(time: string): string {
  return new Date(time).toLocaleString(region, { dateStyle: "medium", timeStyle: "short" });
}
