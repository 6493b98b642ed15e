// Earlier results, as the service keeps them, with all that made them.
import { computed } from "@preact/signals";
import { call, type Image, type Stylization } from "../api/client";
import { send } from "../api/http";
import { t } from "../i18n";
import { readPicture } from "../lib/files";
import { styledName } from "./save";
import { PHOTO_THUMBNAIL_NAME, THUMBNAIL_NAME } from "../lib/samples";
import { pagedList } from "./paged_list";
import { fetchStyle, find } from "./styles";
import { say, sayError } from "./toast";
import { loadModel, model } from "./draft";
import * as use from "./use";

/** One picture of a stylization. */
export interface Entry {
  key: string;
  made: Stylization;
  name: string;
  content: string | null; // ids of images
  mask: string | null;
  image: string;
}

const PAGE = 24;
const MOST_PAGES = 5; // that one look goes through: thumbnails are stylizations, too, and are passed over

export const stylizations = pagedList<Stylization>(async (after) => {
  const items: Stylization[] = [];
  let next = after;
  for (let page = 0; page < MOST_PAGES && items.flatMap(entriesOf).length < PAGE; page++) {
    const answer = await call("get", "/v1/stylizations", { query: { limit: PAGE, after: next } });
    items.push(...answer.items);
    void tidy(answer.items);
    next = answer.next;
    if (!next) break;
  }
  return { items, next };
});
export const entries = computed(() => stylizations.items.value.flatMap(entriesOf));

const LEFT = 60_000; // ms after which nobody looks at such a thumbnail any more

/** What was only to be looked at, and stayed because its page was closed. */
async function tidy(all: Stylization[]): Promise<void> {
  for (const made of all)
    if (made.items[0]?.name === PHOTO_THUMBNAIL_NAME && Date.now() - Date.parse(made.created_at) > LEFT)
      await forget(made).catch(() => undefined); // the next look finds it again
}

function entriesOf(made: Stylization): Entry[] {
  return made.items.flatMap(({ name, content_id, image, position }) =>
    image && name !== THUMBNAIL_NAME && name !== PHOTO_THUMBNAIL_NAME
      ? [{ key: `${made.id}-${position}`, made, name: name ?? "", content: content_id, mask: made.settings.mask_id, image: image.id }]
      : [],
  );
}

/** A picture as the service has it, with a link that needs no key; null when it is gone. */
export async function imageOf(image: string): Promise<Image | null> {
  try {
    return await call("get", "/v1/images/{image_id}", { path: { image_id: image } });
  } catch {
    return null;
  }
}

/** The result, named after its photo. */
export async function fileOfEntry({ image, name, made }: Entry): Promise<File> {
  const blob = await file(image);
  return new File([blob], styledName(name, made.styles.map(({ id }) => id), blob.type), { type: blob.type });
}

async function file(image: string): Promise<Blob> {
  return (await send(`/v1/images/${image}/content`)).blob();
}

/** Photo, styles and dials as they were: the result stands beside them at once. Says what is gone. */
export async function again({ made, name, content, mask, image }: Entry): Promise<boolean> {
  try {
    if (!content) throw new Error(t.results.photoGone);
    const [photo, result, painted] = await Promise.all([file(content), file(image), mask ? file(mask) : null]);
    const shares: use.Share[] = [];
    for (const { id, weight } of made.styles) {
      try {
        if ((find(id) ?? (await fetchStyle(id))).status === "ready") shares.push({ id, weight });
      } catch {
        // said below
      }
    }
    if (shares.length < made.styles.length) say(t.use.gone, "hint");
    if (!model.value) await loadModel();
    const { strength, abstraction, preserve_color, size, stroke_size, format, outside_style_id, label } = made.settings;
    const own = abstraction === (model.value?.default_abstraction ?? null) ? null : abstraction;
    use.set({
      strength,
      abstraction: own,
      keepColours: preserve_color,
      size,
      strokes: stroke_size < 0.75 ? "fine" : stroke_size > 1.5 ? "broad" : "usual",
      format,
      outside: outside_style_id,
      label,
    });
    use.setMix(shares);
    const complete = shares.length === made.styles.length;
    use.take(await readPicture(photo, name || "photo.jpg"), painted, complete ? { blob: result, image } : null);
    return true;
  } catch (error) {
    sayError(error);
    return false;
  }
}

export async function forget(made: Stylization): Promise<void> {
  await call("delete", "/v1/stylizations/{stylization_id}", { path: { stylization_id: made.id } });
  stylizations.drop(made.id);
}
