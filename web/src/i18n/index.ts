// The browser's first language that we have, and the region whose dates its reader expects.
import { en, type Words } from "./en";
import { zh } from "./zh";

function choose(): [Words, string] {
  for (const language of navigator.languages) {
    if (language.toLowerCase().startsWith("zh")) return [zh, language];
    if (language.toLowerCase().startsWith("en")) return [en, language];
  }
  return [en, en.lang];
}

export const [t, region] = choose();
document.documentElement.lang = t.lang;
