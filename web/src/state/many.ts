// Photos that are more than a page shows one by one: gathered here, and drawn as a batch (state/batches).
import { computed, signal } from "@preact/signals";
import { pathOf } from "../lib/folders";
import { t } from "../i18n";
import { say } from "./toast";

/** So many at once are shown one by one. */
const FEW = 16;
const PHOTO = /\.(jpe?g|png|webp|gif|avif|hei[cf])$/i;

/** Photos, and archives of photos. */
export const many = signal<readonly File[]>([]);
/** How much of them has left; null: they are not being sent. */
export const sending = signal<{ share: number; abort: AbortController } | null>(null);

const fits = (file: File) => zipped(file) || PHOTO.test(file.name);
export const zipped = ({ name }: File) => /\.zip$/i.test(name);
export const manyPhotos = computed(() => many.value.filter((file) => !zipped(file)));

/** Without what lies beside the photos of a folder. */
export const photosAmong = (files: File[]) => files.filter((file) => fits(file) || !pathOf(file).includes("/"));

export const areMany = (files: File[]) => many.value.length > 0 || files.length > FEW || files.some(zipped);

/** Take them; what is neither photo nor archive is left out and said. The service looks into them. */
export function gather(files: File[]): void {
  const known = new Set(many.value.map((file) => `${pathOf(file)} ${file.size}`));
  const fitting = files.filter(fits);
  if (fitting.length < files.length) say(t.many.leftOut(files.length - fitting.length), "hint");
  many.value = [...many.value, ...fitting.filter((file) => !known.has(`${pathOf(file)} ${file.size}`))];
}
