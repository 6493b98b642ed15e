// Pictures from the person: chosen, dropped or pasted; checked by decoding them.
import { ApiError, send } from "../api/http";
import { t } from "../i18n";
import { moves } from "./moving";

const READ = ["image/jpeg", "image/png", "image/webp", "image/gif"]; // by every service
/** Of the file chooser. Phones turn HEIC into one of these when it is not asked for. */
export const accepted = (touch: boolean) => [...READ, "image/avif", ...(touch ? [] : [".heic", ".heif"])].join(",");
const SHORTEST = 16; // px of a side
const LONGEST = 2048; // px; more is scaled down here: few uploads need it

export interface Picture {
  id: string;
  blob: Blob;
  name: string;
  url: string; // of the blob; ends with `release`
  width: number;
  height: number;
  whole: Whole | null; // as it was chosen, where `blob` is smaller
  moving: boolean; // a GIF, WebP or PNG of more than one frame
}

/** A file before it was scaled down. */
export interface Whole {
  blob: Blob;
  width: number;
  height: number;
  sent?: Promise<Blob>; // what is sent of it, once that was asked for
}

/** What of a picture is kept between two visits. */
export type KeptPicture = Omit<Picture, "id" | "url" | "whole"> & { whole: Omit<Whole, "sent"> | null };

const LARGEST = 4096; // px; larger results are not offered here
const TAKEN = { bytes: 32 * 2 ** 20, side: 8192, pixels: 52e6 }; // of a file, by the service as it comes

let counter = 0;

/** Decode; draw anew what is huge, and what this browser reads and not every service does (HEIC, AVIF, JPEG XL). What
 * this browser does not read the service may (HEIC).
 * `still`: draw the first frame of one that moves. Raises an Error with a sentence, which names the file, when it is
 * no picture. */
export async function readPicture(blob: Blob, name: string, { still = false } = {}): Promise<Picture> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(blob);
  } catch {
    if (!/^image\/(hei[cf]|avif)/.test(blob.type) && !/\.(hei[cf]|avif)$/i.test(name)) throw new Error(t.errors.notPicture(name));
    return readPicture(await plainOf(blob, name), name);
  }
  const { width, height } = bitmap;
  if (Math.min(width, height) < SHORTEST) {
    bitmap.close();
    throw new Error(t.errors.tooSmall(name));
  }
  const scale = LONGEST / Math.max(width, height);
  if (scale < 1) {
    const small = await draw(bitmap, { x: 0, y: 0, width, height }, scale, blob.type);
    bitmap.close();
    return wrap(small.blob, name, small.width, small.height, { blob, width, height });
  }
  if (still || !READ.includes(blob.type)) {
    const drawn = await draw(bitmap, { x: 0, y: 0, width, height }, 1, blob.type);
    bitmap.close();
    return wrap(drawn.blob, name, width, height);
  }
  bitmap.close();
  return wrap(blob, name, width, height, null, await moves(blob));
}

/** A picture that only the service reads, as one that this browser shows. Raises an Error that names the file. */
async function plainOf(blob: Blob, name: string): Promise<Blob> {
  const body = new FormData();
  body.append("file", blob, name);
  try {
    return await (await send("/v1/images/plain", { method: "POST", body })).blob();
  } catch (error) {
    if (error instanceof ApiError && error.status === 415) throw new Error(t.errors.heic(name));
    throw error instanceof ApiError ? new Error(t.errors.named(name, error.detail)) : error;
  }
}

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** The part of a picture inside `box` (pixels of the picture). */
export async function cropPicture(picture: Picture, box: Box): Promise<Picture> {
  const bitmap = await createImageBitmap(picture.blob);
  const part = await draw(bitmap, box, 1, picture.blob.type);
  bitmap.close();
  return wrap(part.blob, picture.name, part.width, part.height);
}

/** A picture as a JPEG with its longer side at `side`, at most. */
export async function shrink({ blob }: { blob: Blob }, side: number): Promise<Blob> {
  const bitmap = await createImageBitmap(blob);
  const { width, height } = bitmap;
  const small = await draw(bitmap, { x: 0, y: 0, width, height }, Math.min(1, side / Math.max(width, height)), "image/jpeg");
  bitmap.close();
  return small.blob;
}

async function draw(source: ImageBitmap, box: Box, scale: number, type: string) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(box.width * scale));
  canvas.height = Math.max(1, Math.round(box.height * scale));
  const context = canvas.getContext("2d")!;
  context.imageSmoothingQuality = "high";
  context.drawImage(source, box.x, box.y, box.width, box.height, 0, 0, canvas.width, canvas.height);
  const kind = type === "image/jpeg" ? "image/jpeg" : "image/png"; // png keeps alpha
  return { blob: await toBlob(canvas, kind), width: canvas.width, height: canvas.height };
}

export function toBlob(canvas: HTMLCanvasElement, type: string): Promise<Blob> {
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error(t.errors.fallbackTitle))), type, 0.95),
  );
}

function wrap(blob: Blob, name: string, width: number, height: number, whole: Whole | null = null, moving = false): Picture {
  return { id: `p${++counter}`, blob, name, url: URL.createObjectURL(blob), width, height, whole, moving };
}

/** A picture that was kept, with an address of this visit. */
export function rewrap({ blob, name, width, height, whole, moving }: KeptPicture): Picture {
  return wrap(blob, name, width, height, whole, moving);
}

/** What to send for a result of `size` px: the smaller file, unless that is more than it has. */
export async function fileFor({ blob, whole }: Picture, size: number | null): Promise<Blob> {
  if (!whole || !size || size <= LONGEST) return blob;
  return (whole.sent ??= fitted(whole).catch(() => blob));
}

/** The file as it is, or drawn no larger than the largest result, where the service would refuse it. */
async function fitted({ blob, width, height }: Whole): Promise<Blob> {
  const side = Math.max(width, height);
  const taken = blob.size <= TAKEN.bytes && side <= TAKEN.side && width * height <= TAKEN.pixels;
  if (taken && blob.type === "image/jpeg") return blob; // other kinds may move: a photo is a still
  const bitmap = await createImageBitmap(blob);
  const drawn = await draw(bitmap, { x: 0, y: 0, width, height }, Math.min(1, LARGEST / side), blob.type);
  bitmap.close();
  if (drawn.blob.size > TAKEN.bytes) throw new Error("too large");
  return drawn.blob;
}

export function release(picture: Picture): void {
  URL.revokeObjectURL(picture.url);
}

/** The files of a drop or a paste. */
export function filesOf(transfer: DataTransfer | null): File[] {
  return [...(transfer?.files ?? [])];
}

/** A picture that the studio itself ships. */
export async function fetchPicture(url: string): Promise<Picture> {
  const name = url.split("/").pop()!.replace(/-[\w-]{8}\./, ".");
  return readPicture(await (await fetch(url)).blob(), name);
}

export function saveBlob(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name.replace(/[/\\:*?"<>|]+/g, "_");
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
