// Results on their way to the person's disk.
import { zipSync, type Zippable } from "fflate";
import { saveBlob } from "../lib/files";
import { find, nameOf } from "./styles";
import { mix, photos, type Photo } from "./use";

const SUFFIXES: Record<string, string> = { jpeg: "jpg", apng: "png" };

/** What the result of a photo in some styles is called: results of one photo do not all have the same name. */
export function styledName(photo: string, styles: string[], mediaType: string): string {
  const kind = mediaType.split("/")[1] ?? "png";
  const manner = styles.map((id) => nameOf(find(id)).toLowerCase().replace(/[\s/\\]+/g, "-")).join("+");
  return `${photo.replace(/\.[^.]*$/, "") || "photo"}-${manner}.${SUFFIXES[kind] ?? kind}`;
}

const fileName = (photo: Photo) => styledName(photo.name, mix.value.map(({ id }) => id), photo.result!.blob.type);

/** The result as a file, named after its photo. */
export function fileOf(photo: Photo): File {
  const { blob } = photo.result!;
  return new File([blob], fileName(photo), { type: blob.type });
}

export function download(photo: Photo): void {
  if (photo.result) saveBlob(photo.result.blob, fileName(photo));
}

/** All results in one ZIP; pictures do not get smaller, so they are only stored. */
export async function downloadAll(): Promise<void> {
  const entries: Zippable = {};
  for (const photo of photos.value) {
    if (!photo.result) continue;
    let name = fileName(photo);
    for (let n = 2; name in entries; n++) name = fileName(photo).replace(/\.\w+$/, `-${n}$&`);
    entries[name] = new Uint8Array(await photo.result.blob.arrayBuffer());
  }
  const bytes = zipSync(entries, { level: 0 });
  saveBlob(new Blob([bytes as Uint8Array<ArrayBuffer>], { type: "application/zip" }), "fewstroke.zip");
}
