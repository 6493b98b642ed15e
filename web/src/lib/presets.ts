// What the studio shows of the styles that come with the service: `python -m scripts.presets` draws all of it.
const files = import.meta.glob<string>("../../../app/studio/pictures/presets/*.webp", { eager: true, query: "?url", import: "default" });

const at = (name: string) => files[`../../../app/studio/pictures/presets/${name}.webp`];

export interface PresetArt {
  shown: string; // the sample photo in the style
  small: string; // the middle of it, a square
  work: string; // a square of one of the works
}

/** The pictures of a preset; null for one that this build does not know. */
export function artOf(slug: string): PresetArt | null {
  const [shown, small, work] = [at(slug), at(`${slug}-small`), at(`${slug}-work`)];
  return shown && small && work ? { shown, small, work } : null;
}

/** The style's id at every service (app/presets/catalogue.py). */
export const idOf = (slug: string) => `sty_${slug.toUpperCase().padStart(26, "0")}`;

/** In this order they are offered. */
export const ORDER = ["hokusai", "klimt", "crane", "kandinsky", "munch", "signac", "dore", "gauguin"];

/** The first page's photo, before and after. */
export const hero = { before: at("hero-before")!, after: at("hero-after")!, width: 512, height: 512 };
