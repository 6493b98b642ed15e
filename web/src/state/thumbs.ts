// Every style on the same photo. Rendered once by the service; this browser remembers the image's id.
import { signal } from "@preact/signals";
import { call, upload } from "../api/client";
import { followJob } from "../api/events";
import { ApiError, send } from "../api/http";
import { fetchPicture, type Picture } from "../lib/files";
import { THUMBNAIL_NAME, THUMBNAIL_PHOTO } from "../lib/samples";
import type { Face } from "./presets";
import { untilAnswered } from "./queue";
import { untilFree } from "./use";

const SLOT = "fewstroke.thumbnails";
const SIDE = 384; // px

/** Object URLs by style id; null while one is being made, "" when that failed. */
export const thumbs = signal<Record<string, string | null>>({});

let known: Record<string, string> = {};
try {
  known = JSON.parse(localStorage.getItem(SLOT) ?? "{}") as Record<string, string>;
} catch {
  // rendered afresh
}

let line: Promise<unknown> = Promise.resolve(); // one at a time: people's own photos come first
let photo: Promise<Picture> | null = null;
const forever = new AbortController().signal; // a thumbnail is waited for as long as the page is open

/** Ask for the thumbnail of a style; it arrives in `thumbs`. */
export function want(style: Face): void {
  if (style.status !== "ready" || thumbs.value[style.id] || thumbs.value[style.id] === null) return;
  show(style.id, null);
  line = line.then(async () => {
    await untilFree();
    try {
      show(style.id, URL.createObjectURL((await remembered(style.id)) ?? (await rendered(style.id))));
    } catch {
      show(style.id, "");
    }
  });
}

export function drop(id: string): void {
  const { [id]: url, ...rest } = thumbs.value;
  if (url) URL.revokeObjectURL(url);
  thumbs.value = rest;
  remember(id, null);
}

function show(id: string, url: string | null): void {
  thumbs.value = { ...thumbs.value, [id]: url };
}

function remember(id: string, image: string | null): void {
  const { [id]: _old, ...rest } = known;
  known = image ? { ...rest, [id]: image } : rest;
  try {
    localStorage.setItem(SLOT, JSON.stringify(known));
  } catch {
    // no room: rendered again next time
  }
}

async function remembered(id: string): Promise<Blob | null> {
  const image = known[id];
  if (!image) return null;
  try {
    const { url } = await untilAnswered(
      () => call("get", "/v1/images/{image_id}", { path: { image_id: image } }),
      forever,
    );
    return await (await send(url)).blob();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error; // the picture may well be there
    remember(id, null);
    return null;
  }
}

async function rendered(id: string): Promise<Blob> {
  const picture = await (photo ??= fetchPicture(THUMBNAIL_PHOTO).catch((error: unknown) => {
    photo = null;
    throw error;
  }));
  const key = `thumbnail-${id}-${Date.now()}`;
  const fields = { style_id: id, size: SIDE, format: "webp", contents: { blob: picture.blob, name: THUMBNAIL_NAME } };
  const { job } = await untilAnswered(() => upload("/v1/stylizations", fields, { key }), forever);
  await followJob(job.id, { signal: forever, onEvent: () => undefined });
  const done = await untilAnswered(() => call("get", "/v1/jobs/{job_id}", { path: { job_id: job.id } }), forever);
  const image = done.result?.images[0];
  if (!image) throw new Error(done.error?.detail ?? "");
  remember(id, image.id);
  return (await send(image.url)).blob();
}
