// The pictures that the studio ships: those of the demo, with their own file names. Offered small (scripts/
// studio_pictures.py), and loaded as they are when they are chosen.
import ejiri from "../../../app/studio/pictures/examples/ejiri-in-suruga.jpg";
import wave from "../../../app/studio/pictures/examples/great-wave.jpg";
import kazusa from "../../../app/studio/pictures/examples/kazusa-sea-route.jpg";
import poppies from "../../../app/studio/pictures/examples/poppies.jpg";
import ryogoku from "../../../app/studio/pictures/examples/ryogoku-bridge.jpg";
import fan from "../../../app/studio/pictures/examples/woman-with-fan.jpg";
import astronaut from "../../../app/studio/pictures/photos/astronaut.jpg";
import cat from "../../../app/studio/pictures/photos/cat.jpg";
import coffee from "../../../app/studio/pictures/photos/coffee.jpg";

import smallAstronaut from "../../../app/studio/pictures/small/astronaut.webp";
import smallCat from "../../../app/studio/pictures/small/cat.webp";
import smallCoffee from "../../../app/studio/pictures/small/coffee.webp";
import smallEjiri from "../../../app/studio/pictures/small/ejiri-in-suruga.webp";
import smallWave from "../../../app/studio/pictures/small/great-wave.webp";
import smallKazusa from "../../../app/studio/pictures/small/kazusa-sea-route.webp";
import smallPoppies from "../../../app/studio/pictures/small/poppies.webp";
import smallRyogoku from "../../../app/studio/pictures/small/ryogoku-bridge.webp";
import smallFan from "../../../app/studio/pictures/small/woman-with-fan.webp";

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
export const PHOTO_THUMBNAIL_NAME = "fewstroke-photo-thumbnail.webp";

/** The photo on which all styles are shown; seen as it is until the rendering is there. */
export const THUMBNAIL_PHOTO = smallCat;
