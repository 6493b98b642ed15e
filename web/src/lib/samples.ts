// The pictures that the studio ships: those of the demo, with their own file names. Offered small (scripts/
// studio_pictures.py), and loaded as they are when they are chosen.
import ejiri from "../../../demo/examples/ejiri-in-suruga.jpg";
import wave from "../../../demo/examples/great-wave.jpg";
import kazusa from "../../../demo/examples/kazusa-sea-route.jpg";
import poppies from "../../../demo/examples/poppies.jpg";
import ryogoku from "../../../demo/examples/ryogoku-bridge.jpg";
import fan from "../../../demo/examples/woman-with-fan.jpg";
import astronaut from "../../../demo/photos/astronaut.jpg";
import cat from "../../../demo/photos/cat.jpg";
import coffee from "../../../demo/photos/coffee.jpg";

import smallAstronaut from "../art/small/astronaut.webp";
import smallCat from "../art/small/cat.webp";
import smallCoffee from "../art/small/coffee.webp";
import smallEjiri from "../art/small/ejiri-in-suruga.webp";
import smallWave from "../art/small/great-wave.webp";
import smallKazusa from "../art/small/kazusa-sea-route.webp";
import smallPoppies from "../art/small/poppies.webp";
import smallRyogoku from "../art/small/ryogoku-bridge.webp";
import smallFan from "../art/small/woman-with-fan.webp";

export type SetName = "all" | "views" | "figures" | "wave";
export type PhotoName = "cat" | "coffee" | "astronaut";

export interface Sample {
  url: string;
  small: string;
}

const prints = {
  wave: { url: wave, small: smallWave },
  ejiri: { url: ejiri, small: smallEjiri },
  kazusa: { url: kazusa, small: smallKazusa },
  ryogoku: { url: ryogoku, small: smallRyogoku },
  poppies: { url: poppies, small: smallPoppies },
  fan: { url: fan, small: smallFan },
} satisfies Record<string, Sample>;

export const sets: { name: SetName; samples: Sample[] }[] = [
  { name: "views", samples: [prints.wave, prints.ejiri, prints.kazusa, prints.ryogoku] },
  { name: "figures", samples: [prints.poppies, prints.fan] },
  { name: "wave", samples: [prints.wave] },
  { name: "all", samples: [prints.wave, prints.poppies, prints.ejiri, prints.fan, prints.kazusa, prints.ryogoku] },
];

export const photos: (Sample & { name: PhotoName })[] = [
  { name: "cat", url: cat, small: smallCat },
  { name: "coffee", url: coffee, small: smallCoffee },
  { name: "astronaut", url: astronaut, small: smallAstronaut },
];

/** What the photo is called in renderings that are no results of anybody: those that are kept, and those that are only
 * looked at. */
export const THUMBNAIL_NAME = "fewstroke-thumbnail.webp";
export const PROOF_NAME = "fewstroke-proof.webp";

/** The photo on which all styles are shown; seen as it is until the rendering is there. */
export const THUMBNAIL_PHOTO = smallCat;
