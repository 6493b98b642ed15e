// The pictures that the studio ships: those of the demo, with their own file names. Offered small (scripts/
// studio_pictures.py), and loaded as they are when they are chosen.
import ejiri from "../../../app/studio/pictures/examples/ejiri-in-suruga.jpg";
import wave from "../../../app/studio/pictures/examples/great-wave.jpg";
import kazusa from "../../../app/studio/pictures/examples/kazusa-sea-route.jpg";
import ryogoku from "../../../app/studio/pictures/examples/ryogoku-bridge.jpg";
import astronaut from "../../../app/studio/pictures/photos/astronaut.jpg";
import cat from "../../../app/studio/pictures/photos/cat.jpg";
import coffee from "../../../app/studio/pictures/photos/coffee.jpg";

import tileAstronaut from "../../../app/studio/pictures/small/astronaut-tile.webp";
import tileCat from "../../../app/studio/pictures/small/cat-tile.webp";
import tileCoffee from "../../../app/studio/pictures/small/coffee-tile.webp";
import smallAstronaut from "../../../app/studio/pictures/small/astronaut.webp";
import smallCat from "../../../app/studio/pictures/small/cat.webp";
import smallCoffee from "../../../app/studio/pictures/small/coffee.webp";
import smallEjiri from "../../../app/studio/pictures/small/ejiri-in-suruga.webp";
import smallWave from "../../../app/studio/pictures/small/great-wave.webp";
import smallKazusa from "../../../app/studio/pictures/small/kazusa-sea-route.webp";
import smallRyogoku from "../../../app/studio/pictures/small/ryogoku-bridge.webp";

// Sets of other artists: works of the presets' catalogue (scripts/studio_pictures.py).
const works = import.meta.glob<string>("../../../app/studio/pictures/sets/*.webp", { eager: true, query: "?url", import: "default" });

export type SetName = "views" | "kandinsky" | "crane" | "dore";
export type PhotoName = "cat" | "coffee" | "astronaut";

export interface Sample {
  url: string;
  small: string;
}

const work = (name: string) => works[`../../../app/studio/pictures/sets/${name}.webp`]!;
const worksOf = (artist: string): Sample[] =>
  [1, 2, 3, 4].map((number) => ({ url: work(`${artist}-${number}`), small: work(`${artist}-${number}-small`) }));

const prints = {
  wave: { url: wave, small: smallWave },
  ejiri: { url: ejiri, small: smallEjiri },
  kazusa: { url: kazusa, small: smallKazusa },
  ryogoku: { url: ryogoku, small: smallRyogoku },
} satisfies Record<string, Sample>;

export const sets: { name: SetName; samples: Sample[] }[] = [
  { name: "views", samples: [prints.wave, prints.ejiri, prints.kazusa, prints.ryogoku] },
  { name: "kandinsky", samples: worksOf("kandinsky") },
  { name: "crane", samples: worksOf("crane") },
  { name: "dore", samples: worksOf("dore") },
];

export const photos: (Sample & { name: PhotoName; tile: string })[] = [
  { name: "cat", url: cat, small: smallCat, tile: tileCat },
  { name: "coffee", url: coffee, small: smallCoffee, tile: tileCoffee },
  { name: "astronaut", url: astronaut, small: smallAstronaut, tile: tileAstronaut },
];

/** What the photo is called in renderings that are no results of anybody: those that are kept, and those that are only
 * looked at. */
export const THUMBNAIL_NAME = "fewstroke-thumbnail.webp";
export const PHOTO_THUMBNAIL_NAME = "fewstroke-photo-thumbnail.webp";

/** The photo on which all styles are shown; seen as it is until the rendering is there. */
export const THUMBNAIL_PHOTO = smallCat;
