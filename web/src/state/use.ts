// Photos, the styles they are put in, and the results. The photo in view renders by itself.
import { computed, effect, signal } from "@preact/signals";
import { call, upload, type Job } from "../api/client";
import { followJob } from "../api/events";
import { ApiError, send } from "../api/http";
import { t } from "../i18n";
import { fetchPicture, fileFor, readPicture, release, shrink, type Picture } from "../lib/files";
import { PHOTO_THUMBNAIL_NAME } from "../lib/samples";
import { pause } from "../lib/time";
import { watchedPicture } from "./draft";
import { areMany, gather, manyPhotos, photosAmong } from "./many";
import { untilAccepted } from "./queue";
import { go, href, route } from "./route";
import { announce, say, sayError, sentence } from "./toast";

export interface Mask {
  id: string; // of this painting: another one has another
  blob: Blob; // PNG of the photo's size, white where the style goes
  url: string;
}

export interface Result {
  key: string; // of the settings that made it
  blob: Blob;
  url: string;
  image: string; // its id at the service
}

export interface Photo extends Picture {
  lent: boolean; // a sample, shown until the person brings a photo of their own
  mask: Mask | null;
  result: Result | null;
  status: "idle" | "rendering" | "failed";
  waits: boolean; // for its turn at the service
  error: string | null;
}

export interface Share {
  id: string;
  weight: number;
}

export interface Settings {
  strength: number;
  abstraction: number | null; // null: as the service has it
  keepColours: boolean;
  size: number | null; // px of the longer side; null: the photo's own
  strokes: "fine" | "usual" | "broad";
  format: "png" | "jpeg" | "webp";
  clip: "webp" | "gif" | "apng"; // of photos that move
  outside: string | null; // style where the mask is black
  label: "none" | "bottom-right" | "bottom-left" | "top-right" | "top-left" | null; // null: as the service has it
}

export const photos = signal<Photo[]>([]);
export const selectedId = signal<string | null>(null);
export const mix = signal<Share[]>([]);
export const settings = signal<Settings>({
  strength: 1,
  abstraction: null,
  keepColours: false,
  size: null,
  strokes: "usual",
  format: "png",
  clip: "webp",
  outside: null,
  label: null,
});

export const selected = computed(() => photos.value.find((photo) => photo.id === selectedId.value) ?? null);

/** Says whether a result still fits what is set. */
export function keyOf(photo: Photo): string {
  return JSON.stringify([mix.value, settings.value, photo.mask?.id ?? null]);
}

export function isFresh(photo: Photo): boolean {
  return photo.result !== null && photo.result.key === keyOf(photo);
}

/** Files of the person: a few are shown one by one; many become a batch, for which the first of them stands. */
export async function bring(all: File[]): Promise<void> {
  const files = photosAmong(all);
  if (!areMany(files)) return addPhotos(files);
  gather(files);
  if (settings.value.format === "png") set({ format: "jpeg" }); // thousands of PNGs are gigabytes
  const first = manyPhotos.value[0];
  if (!first || photos.value.some(({ lent }) => !lent)) return;
  try {
    const picture = await readPicture(first, first.name);
    for (const photo of photos.value) if (photo.lent) removePhoto(photo.id);
    put(picture, true);
  } catch {
    // the service says what is wrong with it
  }
}

export async function addPhotos(sources: (File | string)[]): Promise<void> {
  let added = 0;
  for (const source of sources) {
    try {
      const picture = await (typeof source === "string" ? fetchPicture(source) : readPicture(source, source.name));
      for (const photo of photos.value) if (photo.lent) removePhoto(photo.id);
      put(picture, false);
      added += 1;
    } catch (error) {
      sayError(error);
    }
  }
  if (added) announce(t.use.added(added));
}

function put(picture: Picture, lent: boolean): void {
  const photo: Photo = { ...picture, lent, mask: null, result: null, status: "idle", waits: false, error: null };
  photos.value = [...photos.value, photo];
  if (!selected.value) selectedId.value = photo.id;
}

/** A photo with what was made of it, as things are set now; it is the one in view. */
export function take(picture: Picture, mask: Blob | null, made: { blob: Blob; image: string } | null): void {
  for (const photo of photos.value) if (photo.lent) removePhoto(photo.id);
  selectedId.value = null;
  put(picture, false);
  if (mask) setMask(picture.id, mask);
  const photo = photos.value.find(({ id }) => id === picture.id)!;
  if (made) change(picture.id, { result: { key: keyOf(photo), ...made, url: URL.createObjectURL(made.blob) } });
}

/** A style can be seen at once: on the photo on which one was watched, until the person brings another. */
async function lend(): Promise<void> {
  try {
    const { blob, name } = await watchedPicture();
    const picture = await readPicture(blob, name); // of its own: it is released with the photo
    if (photos.value.length) release(picture);
    else put(picture, true);
  } catch (error) {
    sayError(error);
  }
}

let onRemoved: (id: string) => void = () => undefined;

/** Tell `listener` of each photo that goes. */
export function whenRemoved(listener: (id: string) => void): void {
  onRemoved = listener;
}

export function removePhoto(id: string): void {
  const at = photos.value.findIndex((photo) => photo.id === id);
  const gone = photos.value[at];
  if (!gone) return;
  running.get(id)?.abort();
  onRemoved(id);
  release(gone);
  if (gone.result) URL.revokeObjectURL(gone.result.url);
  if (gone.mask) URL.revokeObjectURL(gone.mask.url);
  photos.value = photos.value.filter((photo) => photo !== gone);
  if (selectedId.value === id) selectedId.value = photos.value[Math.min(at, photos.value.length - 1)]?.id ?? null;
}

export function setMask(id: string, blob: Blob | null): void {
  const old = photos.value.find((photo) => photo.id === id)?.mask;
  if (old) URL.revokeObjectURL(old.url);
  change(id, { mask: blob && { id: crypto.getRandomValues(new Uint32Array(2)).join("-"), blob, url: URL.createObjectURL(blob) } });
}

export const MOST_STYLES = 4;

/** Whether a further style is blended in; otherwise it takes the place of the one before. */
export const blending = signal(false);

/** Blend from now on, or keep the style of the largest share alone. */
export function blend(on: boolean): void {
  blending.value = on;
  if (on || mix.value.length < 2) return;
  setMix([mix.value.reduce((most, share) => (share.weight > most.weight ? share : most))]);
  intoAddress();
}

/** Choose or leave out a style; in a blend a new one gets an equal share. */
export function toggleStyle(id: string): void {
  choose(id);
  intoAddress();
}

function intoAddress(): void {
  if (route.value.view === "use") go(href.use(...mix.value.map((share) => share.id)), { replace: true });
}

function choose(id: string): void {
  const now = mix.value;
  if (now.some((share) => share.id === id)) {
    setMix(now.filter((share) => share.id !== id));
  } else if (!blending.value) {
    setMix([{ id, weight: 1 }]);
  } else if (now.length >= MOST_STYLES) {
    say(t.use.maxStyles, "hint");
  } else {
    const weight = now.length ? 1 / (now.length + 1) : 1;
    setMix([...now.map((share) => ({ ...share, weight: share.weight * (1 - weight) })), { id, weight }]);
  }
}

/** Shares, scaled to sum to 1 (equal when all are 0). */
export function setMix(shares: Share[]): void {
  const sum = shares.reduce((total, share) => total + share.weight, 0);
  mix.value = shares.map(({ id, weight }) => ({
    id,
    weight: Math.round((sum > 0 ? weight / sum : 1 / shares.length) * 1000) / 1000,
  }));
  if (shares.length > 1) blending.value = true; // as an address or an earlier result has it
  if (settings.value.outside && !shares.length) set({ outside: null });
  if (shares.length && !photos.value.length) void lend();
}

/** A style that is gone cannot be rendered with any more. */
export function forgetStyle(id: string): void {
  if (settings.value.outside === id) set({ outside: null });
  if (mix.value.some((share) => share.id === id)) setMix(mix.value.filter((share) => share.id !== id));
}

export function set(part: Partial<Settings>): void {
  settings.value = { ...settings.value, ...part };
}

const strokeSizes = { fine: 0.5, usual: 1, broad: 2 }; // relative to the picture

/** The form fields of one rendering, besides the files; `other`: settings that are tried. */
export function fieldsOf(photo: Pick<Photo, "mask" | "moving">, other: Partial<Settings> = {}, styles = mix.value) {
  const { strength, abstraction, keepColours, size, strokes, format, clip, outside, label } = { ...settings.value, ...other };
  const shares = styles.filter((share) => share.weight > 0 || styles.length === 1);
  return {
    style_id: shares.map((share) => share.id),
    ...(shares.length > 1 && { weight: shares.map((share) => share.weight) }),
    strength,
    ...(abstraction !== null && { abstraction }),
    ...(keepColours && { preserve_color: true }),
    ...(size && { size }),
    ...(strokes !== "usual" && { stroke_size: strokeSizes[strokes] }),
    ...(photo.moving && !photo.mask ? { clip_format: clip } : { format }),
    ...(photo.mask && outside && { outside_style_id: outside }),
    ...(photo.mask && { feather: 2 }),
    ...(label !== null && { label }),
  };
}

const running = new Map<string, AbortController>();

function change(id: string, part: Partial<Photo>): void {
  photos.value = photos.value.map((photo) => (photo.id === id ? { ...photo, ...part } : photo));
}

/** Render one photo as things are set now; an older rendering of it is given up. */
export async function render(id: string): Promise<void> {
  const photo = photos.value.find((one) => one.id === id);
  if (!photo || !mix.value.length || isFresh(photo)) return;
  running.get(id)?.abort();
  const abort = new AbortController();
  running.set(id, abort);
  const key = keyOf(photo);
  change(id, { status: "rendering", waits: false, error: null });
  try {
    const { blob, image } = await rendered(photo, abort.signal);
    if (abort.signal.aborted) return;
    const old = photos.value.find((one) => one.id === id)?.result;
    if (old) URL.revokeObjectURL(old.url);
    change(id, { status: "idle", result: { key, blob, url: URL.createObjectURL(blob), image } });
  } catch (error) {
    if (abort.signal.aborted) return;
    change(id, { status: "failed", error: sentence(error) });
  } finally {
    if (running.get(id) === abort) running.delete(id);
  }
}

async function rendered(photo: Photo, signal: AbortSignal): Promise<Fetched> {
  const file = await fileFor(photo, settings.value.size);
  const answer = await untilAccepted(
    () =>
      upload(
        "/v1/stylizations",
        {
          ...fieldsOf(photo),
          contents: { blob: file, name: photo.name },
          ...(photo.mask && { mask: { blob: photo.mask.blob, name: "mask.png" } }),
        },
        { signal },
      ),
    signal,
  );
  change(photo.id, { waits: answer.job.state === "queued" });
  return pictureOf(answer.job, signal, () => change(photo.id, { waits: false }));
}

interface Fetched {
  blob: Blob;
  image: string;
}

/** The first picture of a job, once it is done; `onBegun`: its turn has come. Cancels the job when `signal` aborts. */
export async function pictureOf(job: Job, signal: AbortSignal, onBegun?: () => void): Promise<Fetched> {
  const giveUp = () =>
    void call("post", "/v1/jobs/{job_id}/cancel", { path: { job_id: job.id } }).catch(() => undefined);
  signal.addEventListener("abort", giveUp, { once: true });
  try {
    await followJob(job.id, {
      signal,
      onEvent: (event) => event.event === "state" && event.data.state === "running" && onBegun?.(),
    });
    signal.throwIfAborted();
    const done = await call("get", "/v1/jobs/{job_id}", { path: { job_id: job.id }, signal });
    const image = done.result?.images[0];
    if (!image) throw new ApiError(500, done.error?.code ?? "job_failed", done.error?.detail ?? "", 5);
    return { blob: await (await send(image.url, { signal })).blob(), image: image.id };
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}

const TRIED = { size: 384, format: "webp", label: "none" } as const;

/** The photo with some settings that are only tried, small; the service keeps nothing of it. */
export async function variation(
  photo: Picture & Pick<Photo, "mask">,
  tried: Partial<Settings>,
  signal: AbortSignal,
  styles = mix.value,
): Promise<Blob> {
  const answer = await untilAccepted(
    async () =>
      upload(
        "/v1/stylizations",
        {
          ...fieldsOf({ ...photo, moving: false }, { ...tried, ...TRIED }, styles),
          contents: { blob: await shrink(photo, TRIED.size), name: PHOTO_THUMBNAIL_NAME },
          ...(photo.mask && { mask: { blob: photo.mask.blob, name: "mask.png" } }),
        },
        { signal },
      ),
    signal,
  );
  const { blob } = await pictureOf(answer.job, signal);
  await call("delete", "/v1/stylizations/{stylization_id}", { path: { stylization_id: answer.stylization.id } });
  return blob;
}

/** Whether the dials are as they are at the first visit. */
export const untouched = computed(() => {
  const { strength, abstraction, strokes } = settings.value;
  return strength === 1 && abstraction === null && strokes === "usual";
});

/** Until nothing is rendered that the person waits for: thumbnails come after it. */
export async function untilFree(): Promise<void> {
  const due = () => selected.value?.status === "idle" && mix.value.length > 0 && !isFresh(selected.value);
  while (photos.value.some(({ status }) => status === "rendering") || due()) await pause(100);
}

/** Render what is out of date, one after the other. */
export async function renderAll(): Promise<void> {
  for (const { id } of photos.value) {
    const photo = photos.value.find((one) => one.id === id);
    if (photo && !isFresh(photo) && photo.status !== "rendering") await render(id);
    else while (photos.value.find((one) => one.id === id)?.status === "rendering") await pause(100);
  }
}

const asked = new Map<string, string>(); // the settings that a photo was last rendered with, even in vain

// The photo in view follows the controls, a moment after the last change.
effect(() => {
  const photo = selected.value;
  if (!photo || !mix.value.length || isFresh(photo)) return;
  const key = keyOf(photo);
  if (asked.get(photo.id) === key) return;
  const timer = setTimeout(() => {
    asked.set(photo.id, key);
    void render(photo.id);
  }, 350);
  return () => clearTimeout(timer);
});

// Then those that nobody has seen in any style, one after the other. Those that were are out of date until they are
// looked at or all are asked for: each movement of a control would render them all.
effect(() => {
  const photo = selected.value;
  if (!mix.value.length || photos.value.some(({ status }) => status === "rendering")) return;
  if (photo && !isFresh(photo) && asked.get(photo.id) !== keyOf(photo)) return;
  const next = photos.value.find(({ result, status }) => !result && status === "idle");
  if (!next) return;
  asked.set(next.id, keyOf(next));
  queueMicrotask(() => void render(next.id));
});
