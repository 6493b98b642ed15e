// Whether a picture was made here: what it tells of where it comes from. The service keeps nothing of it.
import { signal } from "@preact/signals";
import { upload, type Detection } from "../api/client";
import { readPicture, release, type Picture } from "../lib/files";
import { t } from "../i18n";
import { announce, sayError } from "./toast";

export interface Checked {
  picture: Picture;
  found: Detection;
}

export const checked = signal<Checked | null>(null);
export const checking = signal(false);

/** Ask the service about a file; says what is wrong with one that is no picture. */
export async function check(file: File): Promise<void> {
  if (checking.value) return;
  checking.value = true;
  try {
    const picture = await readPicture(file, file.name); // to be shown; what is asked about is the file itself
    const found = await upload("/v1/detections", { file: { blob: file, name: file.name } });
    if (checked.value) release(checked.value.picture);
    checked.value = { picture, found };
    announce(verdict(found));
  } catch (error) {
    sayError(error);
  } finally {
    checking.value = false;
  }
}

export function verdict({ watermark, made_by_fewstroke, record }: Detection): string {
  if (watermark) return t.check.makers[watermark.maker];
  return made_by_fewstroke ? t.check.signed : record ? t.check.claimed : t.check.none;
}
