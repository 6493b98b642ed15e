// A photo in one style, with the dials as they are: the person's own photo, or the sample.
import { useEffect, useState } from "preact/hooks";
import type { Style } from "../../api/client";
import { t } from "../../i18n";
import { fetchPicture, release } from "../../lib/files";
import { THUMBNAIL_PHOTO } from "../../lib/samples";
import { nameOf } from "../../state/styles";
import { sayError } from "../../state/toast";
import { photos, settings, untouched, variation } from "../../state/use";
import { Thumb } from "../../ui/Thumb";

const PAUSE = 350; // ms after the last change

export function Preview({ style }: { style: Style }) {
  const ready = style.status === "ready";
  const own = photos.value.find(({ lent }) => !lent) ?? null;
  const [url, setUrl] = useState<string | null>(null);
  const { strength, abstraction, strokes } = settings.value;
  useEffect(() => {
    if (!ready || untouched.value) return setUrl(null);
    const abort = new AbortController();
    const timer = setTimeout(() => void drawn().catch((error: unknown) => abort.signal.aborted || sayError(error)), PAUSE);
    async function drawn() {
      const picture = own ?? { ...(await fetchPicture(THUMBNAIL_PHOTO)), mask: null };
      const only = { size: null, keepColours: false, outside: null };
      const blob = await variation({ ...picture, mask: null }, only, abort.signal, [{ id: style.id, weight: 1 }]);
      if (!own) release(picture);
      if (!abort.signal.aborted) setUrl(URL.createObjectURL(blob));
    }
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [style.id, ready, own?.id, strength, abstraction, strokes]);
  useEffect(() => () => void (url && URL.revokeObjectURL(url)), [url]);
  const alt = t.styles.thumbAlt(nameOf(style));
  return url ? (
    <span class="thumb">
      <img class="styled tried" src={url} alt={alt} width="360" height="240" />
    </span>
  ) : (
    <Thumb style={style} alt={alt} photo={ready ? own : null} />
  );
}
