// The photo in view, before and after.
import { t } from "../../i18n";
import { mix, photos, isFresh, render, selected } from "../../state/use";
import { Compare } from "../../ui/Compare";
import { Notice } from "../../ui/Notice";

export function Stage() {
  const photo = selected.value;
  if (!photo) return null;
  const number = photos.value.indexOf(photo) + 1;
  const busy = photo.status === "rendering";
  return (
    <div class="stage">
      <Compare
        key={photo.id}
        before={photo.url}
        after={photo.result?.url ?? null}
        beforeAlt={t.use.original(number)}
        afterAlt={t.use.result(number)}
        width={photo.width}
        height={photo.height}
        busy={busy}
      />
      <p class="state" role="status">
        {mix.value.length === 0 ? t.use.pick : busy ? `${t.use.rendering}…` : photo.result && !isFresh(photo) && photo.status !== "failed" ? t.use.stale : ""}
      </p>
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
