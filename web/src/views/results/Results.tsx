// Earlier results: look, take away, or go on from one.
import { useEffect, useRef, useState } from "preact/hooks";
import type { Image } from "../../api/client";
import { urlOf } from "../../api/http";
import { momentOf, t } from "../../i18n";
import { saveBlob } from "../../lib/files";
import { again, entries, fileOfEntry, forget, imageOf, stylizations, type Entry } from "../../state/history";
import { loadPresets } from "../../state/presets";
import { go, href } from "../../state/route";
import { find, nameOf, refresh as readStyles } from "../../state/styles";
import { say, sayError } from "../../state/toast";
import { Icon } from "../../ui/icons";
import { Near, Origin } from "../../ui/Origin";
import { More, LoadFailed } from "../../ui/PagedList";
import { Viewer } from "../../ui/Viewer";
import { ShareDialog } from "../use/ShareDialog";

export function Results() {
  useEffect(() => {
    void Promise.all([loadPresets(), readStyles()]);
    void stylizations.refresh();
  }, []);
  const all = entries.value;
  const load = stylizations.load.value;
  return (
    <section class="page results">
      <div class="intro side">
        <div>
          <h1>{t.results.title}</h1>
          {all.length > 0 && <p class="lead">{t.results.lead}</p>}
        </div>
        <div class="row">
          <a class="button" href={href.batches}>
            <Icon name="grid" />
            {t.batches.title}
          </a>
          <a class="button" href={href.check}>
            <Icon name="eye" />
            {t.check.title}
          </a>
        </div>
      </div>
      <LoadFailed list={stylizations}>{t.results.failed}</LoadFailed>
      {load === "loading" && all.length === 0 && <p class="lead">{t.app.loading}…</p>}
      {load === "done" && all.length === 0 && (
        <div class="nothing">
          <Icon name="image" />
          <p class="big">{t.results.empty}</p>
          <a class="button primary" href={href.use()}>
            {t.app.use}
          </a>
        </div>
      )}
      <ul class="grid">
        {all.map((entry) => (
          <Card key={entry.key} entry={entry} />
        ))}
      </ul>
      <More list={stylizations} />
    </section>
  );
}

function Card({ entry }: { entry: Entry }) {
  const frame = useRef<HTMLLIElement>(null);
  const [image, setImage] = useState<Image | null>(null);
  const url = image && urlOf(image.url);
  const [busy, setBusy] = useState(false);
  const [close, setClose] = useState<string | null>(null); // the photo as it was; "": it is gone
  const [sharing, setSharing] = useState<File | null>(null);
  useEffect(() => {
    const watch = new IntersectionObserver((seen) => {
      if (!seen.some(({ isIntersecting }) => isIntersecting)) return;
      watch.disconnect();
      void imageOf(entry.image).then(setImage);
    });
    watch.observe(frame.current!);
    return () => watch.disconnect();
  }, [entry.image]);
  const styles = entry.made.styles.map(({ id }) => nameOf(find(id))).join(" + ");
  const label = `${styles}, ${momentOf(entry.made.created_at)}`;
  async function act(work: () => Promise<unknown>) {
    setBusy(true);
    await work().catch(sayError);
    setBusy(false);
  }
  return (
    <li class="card" ref={frame}>
      <button type="button" class="face" disabled={!url} aria-label={t.results.look(label)} onClick={() => void act(async () => setClose((await imageOf(entry.content ?? ""))?.url ?? ""))}>
        <span class={url ? "thumb" : "thumb empty"}>
          {url && <img src={url} alt={t.results.alt(entry.name, styles)} loading="lazy" width="360" height="240" />}
        </span>
      </button>
      <strong>{styles}</strong>
      <small class="facts">
        <span>{momentOf(entry.made.created_at)}</span>
        {entry.made.settings.strength !== 1 && <span>{`${t.use.strength} ${Math.round(entry.made.settings.strength * 100)} %`}</span>}
      </small>
      {image && <Near image={image} />}
      {image && (
        <details class="fold">
          <summary>
            <Icon name="right" />
            {t.origin.title}
          </summary>
          <div>
            <Origin image={image} />
          </div>
        </details>
      )}
      <div class="row">
        <button
          type="button"
          disabled={busy}
          aria-label={`${t.results.again}: ${label}`}
          onClick={() => void act(async () => (await again(entry)) && go(href.use(...entry.made.styles.map(({ id }) => id))))}
        >
          {t.results.again}
        </button>
        <button
          type="button"
          class="quiet square"
          disabled={busy}
          aria-label={`${t.use.download}: ${label}`}
          title={t.use.download}
          onClick={() =>
            void act(async () => {
              const file = await fileOfEntry(entry);
              saveBlob(file, file.name);
            })
          }
        >
          <Icon name="download" />
        </button>
        <button
          type="button"
          class="quiet square"
          disabled={busy}
          aria-label={`${t.share.action}: ${label}`}
          title={t.share.action}
          onClick={() => void act(async () => setSharing(await fileOfEntry(entry)))}
        >
          <Icon name="share" />
        </button>
        <button
          type="button"
          class="quiet square"
          disabled={busy}
          aria-label={`${t.styles.delete}: ${label}`}
          title={t.styles.delete}
          onClick={() =>
            void act(async () => {
              await forget(entry.made);
              say(t.results.deleted);
            })
          }
        >
          <Icon name="trash" />
        </button>
      </div>
      {sharing && <ShareDialog image={entry.image} file={sharing} onClose={() => setSharing(null)} />}
      {close !== null && url && (
        <Viewer before={close ? urlOf(close) : url} after={url} beforeAlt={t.use.before} afterAlt={t.results.alt(entry.name, styles)} onClose={() => setClose(null)} />
      )}
    </li>
  );
}
