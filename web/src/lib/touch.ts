import { signal } from "@preact/signals";

const media = matchMedia("(hover: none)");

/** No pointer that hovers: fingers neither drop files nor press keys. A mouse may come and go. */
export const touch = signal(media.matches);
media.addEventListener("change", () => (touch.value = media.matches));
