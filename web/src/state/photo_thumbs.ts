// Every style on the person's own photo, small: rendered when the photo itself is done, and left nowhere.
import { signal } from "@preact/signals";
import { call, upload } from "../api/client";
import { shrink } from "../lib/files";
import { PHOTO_THUMBNAIL_NAME } from "../lib/samples";
import type { Face } from "./presets";
import { untilAnswered } from "./queue";
import { pictureOf, selectedId, untilFree, whenRemoved, type Photo } from "./use";

const SIDE = 256; // px
const forever = new AbortController().signal;

/** Object URLs by photo and style (`keyOf`). */
export const photoThumbs = signal<Record<string, string>>({});

const asked = new Set<string>();
const files = new Map<string, Promise<Blob>>(); // by photo
let line: Promise<unknown> = Promise.resolve(); // one at a time

export function keyOf(photo: Photo, style: Face): string {
  return `${photo.id} ${style.id}`;
}

/** Ask for a style on a photo; it arrives in `photoThumbs`. A photo that is no longer in view is passed over. */
export function want(photo: Photo, style: Face): void {
  const key = keyOf(photo, style);
  if (asked.has(key)) return;
  asked.add(key);
  line = line.then(async () => {
    await untilFree();
    if (selectedId.value !== photo.id) return void asked.delete(key);
    try {
      photoThumbs.value = { ...photoThumbs.value, [key]: URL.createObjectURL(await rendered(photo, style)) };
    } catch {
      asked.delete(key); // the sample stays; asked for again when it is looked at again
    }
  });
}

async function rendered(photo: Photo, style: Face): Promise<Blob> {
  let file = files.get(photo.id);
  if (!file) files.set(photo.id, (file = shrink(photo, SIDE)));
  const contents = { blob: await file, name: PHOTO_THUMBNAIL_NAME };
  const fields = { style_id: style.id, size: SIDE, format: "webp", contents };
  const { job, stylization } = await untilAnswered(() => upload("/v1/stylizations", fields), forever);
  const { blob } = await pictureOf(job, forever);
  await call("delete", "/v1/stylizations/{stylization_id}", { path: { stylization_id: stylization.id } });
  return blob;
}

// A photo that is gone needs none any more.
whenRemoved((id) => {
  files.delete(id);
  const kept: Record<string, string> = {};
  for (const [key, url] of Object.entries(photoThumbs.value))
    if (key.startsWith(`${id} `)) {
      URL.revokeObjectURL(url);
      asked.delete(key);
    } else kept[key] = url;
  photoThumbs.value = kept;
});
