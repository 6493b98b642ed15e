// The pictures that the studio ships: those of the demo, with their own file names.
import ejiri from "../../../demo/examples/ejiri-in-suruga.jpg";
import wave from "../../../demo/examples/great-wave.jpg";
import kazusa from "../../../demo/examples/kazusa-sea-route.jpg";
import poppies from "../../../demo/examples/poppies.jpg";
import ryogoku from "../../../demo/examples/ryogoku-bridge.jpg";
import fan from "../../../demo/examples/woman-with-fan.jpg";
import astronaut from "../../../demo/photos/astronaut.jpg";
import cat from "../../../demo/photos/cat.jpg";
import coffee from "../../../demo/photos/coffee.jpg";

import astronautInViews from "../art/astronaut-in-views.webp";

export type SetName = "all" | "views" | "figures" | "wave";
export type PhotoName = "cat" | "coffee" | "astronaut";

export const sets: { name: SetName; urls: string[] }[] = [
  { name: "views", urls: [wave, ejiri, kazusa, ryogoku] },
  { name: "figures", urls: [poppies, fan] },
  { name: "wave", urls: [wave] },
  { name: "all", urls: [wave, poppies, ejiri, fan, kazusa, ryogoku] },
];

export const photos: { name: PhotoName; url: string }[] = [
  { name: "cat", url: cat },
  { name: "coffee", url: coffee },
  { name: "astronaut", url: astronaut },
];

/**
 * What the first page shows. The result is the model's own: `fewstroke adapt` on the set “views”, `fewstroke stylize`
 * on the photo, scaled to 400 px.
 */
export const sum = { style: wave, photo: astronaut, result: astronautInViews };

/** The photo on which all styles are shown. */
export const THUMBNAIL_PHOTO = cat;
