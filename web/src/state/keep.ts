// A reload loses nothing: examples, photos, the chosen styles, the dials and the results are kept in this browser.
import { effect } from "@preact/signals";
import { rewrap, type KeptPicture, type Picture } from "../lib/files";
import { load, save } from "../lib/store";
import * as draft from "./draft";
import * as use from "./use";

interface KeptDraft {
  pictures: KeptPicture[];
  watched: number | KeptPicture;
  effort: draft.Effort;
  credits?: draft.Credits; // those that were kept before had none
}

interface KeptPhoto extends KeptPicture {
  mask: { blob: Blob; id: string } | null;
  result: { key: string; blob: Blob; image: string } | null;
}

interface KeptUse {
  photos: KeptPhoto[];
  selected: number;
  mix: use.Share[];
  settings: use.Settings;
}

const DRAFT = "draft";
const USE = "use";
const PAUSE = 250; // ms without a change

function kept({ blob, name, width, height, whole, moving }: Picture): KeptPicture {
  return { blob, name, width, height, moving, whole: whole && { blob: whole.blob, width: whole.width, height: whole.height } };
}

async function restoreDraft(): Promise<void> {
  const found = await load<KeptDraft>(DRAFT);
  if (!found) return;
  draft.pictures.value = [...found.pictures.map(rewrap), ...draft.pictures.value];
  if (draft.watched.value === 0) draft.watched.value = typeof found.watched === "number" ? found.watched : rewrap(found.watched);
  draft.effort.value = found.effort;
  if (found.credits) draft.credits.value = found.credits;
}

async function restoreUse(): Promise<void> {
  const found = await load<KeptUse>(USE);
  if (!found) return;
  const photos = found.photos.map((photo): use.Photo => ({
    ...rewrap(photo),
    lent: false,
    mask: photo.mask && { ...photo.mask, url: URL.createObjectURL(photo.mask.blob) },
    result: photo.result && { ...photo.result, url: URL.createObjectURL(photo.result.blob) },
    status: "idle",
    waits: false,
    error: null,
  }));
  use.settings.value = { ...use.settings.value, ...found.settings };
  use.photos.value = [...photos, ...use.photos.value.filter(({ lent }) => !lent || !photos.length)];
  use.selectedId.value ??= photos[found.selected]?.id ?? photos[0]?.id ?? null;
  if (!use.mix.value.length && found.mix.length) use.setMix(found.mix);
}

/** Once what was kept is there again. */
export const restored: Promise<void> = Promise.all([restoreDraft(), restoreUse()]).then(follow);

/** Keep every change, a moment after it. */
function follow(): void {
  keep(DRAFT, (): KeptDraft => ({
    pictures: draft.pictures.value.map(kept),
    watched: typeof draft.watched.value === "number" ? draft.watched.value : kept(draft.watched.value),
    effort: draft.effort.value,
    credits: draft.credits.value,
  }));
  keep(USE, (): KeptUse => {
    const own = use.photos.value.filter(({ lent }) => !lent);
    return {
      photos: own.map((photo) => ({
        ...kept(photo),
        mask: photo.mask && { blob: photo.mask.blob, id: photo.mask.id },
        result: photo.result && { key: photo.result.key, blob: photo.result.blob, image: photo.result.image },
      })),
      selected: own.findIndex(({ id }) => id === use.selectedId.value),
      mix: use.mix.value,
      settings: use.settings.value,
    };
  });
}

function keep(name: string, record: () => unknown): void {
  let first = true;
  effect(() => {
    const now = record();
    if (first) return void (first = false);
    const timer = setTimeout(() => void save(name, now), PAUSE);
    return () => clearTimeout(timer);
  });
}
