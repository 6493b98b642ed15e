// The photo in view, before and after.
import { useEffect, useState } from "preact/hooks";
import type { Image } from "../../api/client";
import { t } from "../../i18n";
import { imageOf } from "../../state/history";
import { mix, photos, isFresh, render, selected } from "../../state/use";
import { Compare } from "../../ui/Compare";
import { Icon } from "../../ui/icons";
import { Notice } from "../../ui/Notice";
import { Near } from "../../ui/Origin";
import { Hold, Viewer } from "../../ui/Viewer";
import { Taking } from "./Taking";

export function Stage() {
  const [peek, setPeek] = useState(false);
  const [close, setClose] = useState(false);
  const photo = selected.value;
  if (!photo) return null;
  const number = photos.value.indexOf(photo) + 1;
  const busy = photo.status === "rendering";
  const names = { beforeAlt: t.use.original(number), afterAlt: t.use.result(number) };
  return (
    <div class="stage">
      <Compare
        key={photo.id}
        before={photo.url}
        after={photo.result?.url ?? null}
        {...names}
        width={photo.width}
        height={photo.height}
        busy={busy}
        peek={peek}
      />
      <p class="state" role="status">
        {mix.value.length === 0 ? t.use.pick : busy ? `${photo.waits ? t.use.queued : t.use.rendering}…` : photo.result && !isFresh(photo) && photo.status !== "failed" ? t.use.stale : ""}
      </p>
      <div class="under">
        {photo.result && (
          <div class="look">
            <Hold onPeek={setPeek} />
            <button type="button" class="closely" aria-label={t.use.closely} title={t.use.closely} onClick={() => setClose(true)}>
              <Icon name="expand" />
              <span>{t.use.closely}</span>
            </button>
          </div>
        )}
        <Taking />
      </div>
      {close && photo.result && (
        <Viewer before={photo.url} after={photo.result.url} {...names} onClose={() => setClose(false)} />
      )}
      {photo.result && <Warned key={photo.result.image} id={photo.result.image} />}
      {photo.status === "failed" && (
        <Notice
          tone="error"
          action={
            <button type="button" onClick={() => void render(photo.id)}>
              {t.app.retry}
            </button>
          }
        >
          {photo.error ?? t.use.failed}
        </Notice>
      )}
    </div>
  );
}

/** Where a result comes too near to an example, this is said before it is taken away. */
function Warned({ id }: { id: string }) {
  const [image, setImage] = useState<Image | null>(null);
  useEffect(() => void imageOf(id).then(setImage), [id]);
  return image && <Near image={image} />;
}
