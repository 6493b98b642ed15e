// The browser's first language that we have.
import { en, type Words } from "./en";
import { zh } from "./zh";

function choose(): Words {
  for (const language of navigator.languages) {
    if (language.toLowerCase().startsWith("zh")) return zh;
    if (language.toLowerCase().startsWith("en")) return en;
  }
  return en;
}

export const t = choose();
document.documentElement.lang = t.lang;
