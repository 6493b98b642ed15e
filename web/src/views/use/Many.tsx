// Photos that are more than are shown one by one: the first stands for all, and all are drawn as a batch.
import { t } from "../../i18n";
import { touch } from "../../lib/touch";
import { many, manyPhotos, sending, zipped } from "../../state/many";
import { href } from "../../state/route";
import { sayError } from "../../state/toast";
import { bring, mix } from "../../state/use";
import { Icon } from "../../ui/icons";
import { Pick } from "../../ui/Pick";

const MIB = 2 ** 20;

async function start(): Promise<void> {
  const { sendMany } = await import("../../state/batches");
  await sendMany();
}

export function Many() {
  const files = many.value;
  const now = sending.value;
  const photos = manyPhotos.value.length;
  const size = files.reduce((sum, file) => sum + file.size, 0) / MIB;
  const percent = Math.round((now?.share ?? 0) * 100);
  return (
    <section class="many" aria-labelledby="many">
      <h2 id="many">
        {[photos ? t.many.photos(photos) : "", ...files.filter(zipped).map(({ name }) => name)].filter(Boolean).join(", ")}
        <small>{t.many.size(size < 10 ? size.toFixed(1) : size.toFixed(0))}</small>
      </h2>
      {now ? (
        <>
          <p role="status">{t.many.sending}</p>
          <progress max={100} value={percent} aria-label={t.make.uploading(percent)} />
          <div class="row">
            <button type="button" onClick={() => now.abort.abort()}>
              {t.app.cancel}
            </button>
          </div>
        </>
      ) : (
        <>
          <p class="help">{mix.value.length ? t.many.help : t.many.pick}</p>
          <div class="row">
            <button type="button" class="primary" disabled={!mix.value.length} onClick={() => void start().catch(sayError)}>
              {photos && photos === files.length ? t.many.draw(photos) : t.many.drawAll}
            </button>
            <Pick multiple archives label={t.use.more} class="square" onFiles={(more) => void bring(more)}>
              <Icon name="plus" />
            </Pick>
            {!touch.value && <Folder square />}
            <button type="button" class="quiet" onClick={() => (many.value = [])}>
              {t.make.clear}
            </button>
          </div>
        </>
      )}
      <a class="about" href={href.batches}>
        {t.batches.title}
      </a>
    </section>
  );
}

/** A button for all photos of a folder. */
export function Folder({ square = false }: { square?: boolean }) {
  return (
    <Pick folder class={square ? "square" : ""} label={t.many.folder} onFiles={(files) => void bring(files)}>
      {square ? <Icon name="folder" /> : t.many.folder}
    </Pick>
  );
}
