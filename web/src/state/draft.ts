// What is going to be learned: the pictures, the photo to watch, the number of steps.
import { signal } from "@preact/signals";
import { call, type Model } from "../api/client";
import { t } from "../i18n";
import { fetchPicture, readPicture, release, type Picture } from "../lib/files";
import { alike, moves } from "../lib/moving";
import { photos } from "../lib/samples";
import { announce, offerUndo, say, sayError } from "./toast";

export type Effort = "quick" | "standard" | "thorough";

export const pictures = signal<Picture[]>([]);
/** Index of a bundled photo, or the person's own. */
export const watched = signal<number | Picture>(0);
export const effort = signal<Effort>("standard");
/** What the style may be called: a set of samples has a name. */
export const suggestion = signal("");

/** Whose the pictures are, and under which licence they may be learned from; both may stay unsaid. */
export interface Credits {
  rights: string;
  licence: string;
}
const UNSAID: Credits = { rights: "", licence: "" };
export const credits = signal<Credits>(UNSAID);

/** Take a set of samples, with its name and whose it is. */
export function addSet(urls: string[], name: string, artist: string): Promise<void> {
  suggestion.value = name;
  credits.value = { rights: artist, licence: "" };
  return add(urls);
}

/** What was said of a set of samples does not go for other pictures. */
function unsay(): void {
  if (!suggestion.value) return;
  suggestion.value = "";
  credits.value = UNSAID;
}
export const model = signal<Model | null>(null);
export const reading = signal(0); // files that are being decoded

export async function loadModel(): Promise<void> {
  try {
    model.value = (await call("get", "/v1/models", {})).items[0] ?? null;
  } catch {
    // the standard number of steps needs no knowledge of the model
  }
}

export function limit(): number {
  return model.value?.max_examples ?? 16;
}

/** Inner steps of an effort; undefined: the service's own default. */
export function stepsOf(which: Effort): number {
  const standard = model.value?.default_steps ?? 20;
  const most = model.value?.max_steps ?? 100;
  const wanted = { quick: Math.max(1, Math.round(standard / 4)), standard, thorough: Math.round(standard * 2.5) };
  return Math.min(most, wanted[which]);
}

/** Add files in their order; says which were no pictures and which were too many. */
export async function add(sources: (File | string)[]): Promise<void> {
  if (sources.some((source) => typeof source !== "string")) unsay();
  const room = limit() - pictures.value.length;
  if (sources.length > room) say(t.make.tooMany(limit()), "hint");
  const taken = sources.slice(0, Math.max(0, room));
  reading.value += taken.length;
  // Samples come all at once; people's own files are decoded one by one, for they may be large.
  const samples = taken.map((source) => (typeof source === "string" ? fetchPicture(source) : null));
  for (const sample of samples) sample?.catch(() => undefined); // said below, in its turn
  for (const [index, source] of taken.entries()) {
    try {
      const picture = await (typeof source === "string" ? samples[index]! : readStill(source));
      if (await isThere(picture)) {
        release(picture);
        say(t.make.twice(picture.name), "hint");
      } else pictures.value = [...pictures.value, picture];
    } catch (error) {
      sayError(error);
    } finally {
      reading.value -= 1;
    }
  }
  announce(t.make.pictures(pictures.value.length));
}

/** A file as a picture that stands still: examples may not move. */
async function readStill(file: File): Promise<Picture> {
  const moving = await moves(file);
  const picture = await readPicture(file, file.name, { still: moving });
  if (moving) say(t.make.still(file.name), "hint");
  return picture;
}

async function isThere(picture: Picture): Promise<boolean> {
  for (const other of pictures.value) if (await alike(other.blob, picture.blob)) return true;
  return false;
}

export function removeAt(index: number): void {
  const gone = pictures.value[index];
  if (!gone) return;
  release(gone);
  pictures.value = pictures.value.filter((picture) => picture !== gone);
  announce(t.make.removed(pictures.value.length));
}

export function replaceAt(index: number, picture: Picture): void {
  pictures.value = pictures.value.map((old, at) => (at === index ? picture : old));
}

export function clear(): void {
  pictures.value.forEach(release);
  pictures.value = [];
  suggestion.value = "";
  credits.value = UNSAID;
}

/** Put all pictures aside; for a moment they can be had back. */
export function startOver(): void {
  const aside = pictures.value;
  pictures.value = [];
  unsay();
  offerUndo(t.make.cleared, {
    undo: () => (pictures.value = [...aside, ...pictures.value]),
    done: () => aside.forEach(release),
  });
}

/** The photo to watch, to be shown until there is a preview. */
export function watchedUrl(): string {
  const which = watched.value;
  return typeof which === "number" ? photos[which]!.small : which.url;
}

/** The photo to watch, as a file. */
export async function watchedPicture(): Promise<Picture> {
  const which = watched.value;
  return typeof which === "number" ? fetchPicture(photos[which]!.url) : which;
}
