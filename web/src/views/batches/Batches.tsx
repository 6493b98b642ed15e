// Batches: how far they are, and their pictures to take away.
import { useEffect, useState } from "preact/hooks";
import type { Batch } from "../../api/client";
import { momentOf, t } from "../../i18n";
import { batches, download, forget, goOn, isOver, stop, watch } from "../../state/batches";
import { loadPresets } from "../../state/presets";
import { href } from "../../state/route";
import { find, nameOf, refresh as readStyles } from "../../state/styles";
import { explain, say, sayError } from "../../state/toast";
import { Dialog } from "../../ui/Dialog";
import { Icon } from "../../ui/icons";
import { More, LoadFailed } from "../../ui/PagedList";
import "../../css/batches.css";

export function Batches() {
  useEffect(() => {
    void Promise.all([loadPresets(), readStyles()]);
    return watch();
  }, []);
  const all = batches.items.value;
  const load = batches.load.value;
  return (
    <section class="page batches">
      <a class="back" href={href.use()}>
        <Icon name="left" />
        {t.app.use}
      </a>
      <div class="intro">
        <h1>{t.batches.title}</h1>
        <p class="lead">{t.batches.lead}</p>
      </div>
      <LoadFailed list={batches}>{t.batches.failed}</LoadFailed>
      {load === "loading" && all.length === 0 && <p class="lead">{t.app.loading}…</p>}
      {load === "done" && all.length === 0 && (
        <div class="nothing">
          <Icon name="grid" />
          <p class="big">{t.batches.empty}</p>
          <p>{t.batches.emptyBody}</p>
          <a class="button primary" href={href.use()}>
            {t.app.use}
          </a>
        </div>
      )}
      <ul>
        {all.map((batch) => (
          <Card key={batch.id} batch={batch} />
        ))}
      </ul>
      <More list={batches} />
    </section>
  );
}

function Card({ batch }: { batch: Batch }) {
  const [busy, setBusy] = useState(false);
  const [leaving, setLeaving] = useState(false);
  const { counts, job, errors } = batch;
  const done = counts.succeeded + counts.failed;
  const name = batch.styles.map(({ id }) => nameOf(find(id))).join(" + ");
  const label = `${name}, ${momentOf(batch.created_at)}`;
  const over = isOver(batch);
  function act(work: (batch: Batch) => Promise<void>) {
    setBusy(true);
    void work(batch)
      .catch(sayError)
      .finally(() => setBusy(false));
  }
  return (
    <li aria-label={label}>
      <div>
        <strong>{name}</strong>
        <small class="facts">
          <span>{momentOf(batch.created_at)}</span>
          <span>{t.many.photos(counts.total)}</span>
        </small>
      </div>
      <p>{wordsOf(batch)}</p>
      {!over && <progress max={counts.total} value={done} aria-label={t.batches.drawn(done, counts.total)} />}
      {errors.length > 0 && (
        <details class="fold">
          <summary>
            <Icon name="right" />
            {t.batches.unusable(counts.failed)}
          </summary>
          <ul>
            {errors.map(({ position, photo, error }) => (
              <li key={position}>
                <b>{photo}</b> {explain(error.code, error.detail)}
              </li>
            ))}
            {counts.failed > errors.length && <li>{t.batches.rest}</li>}
          </ul>
        </details>
      )}
      <div class="row">
        {!over && (
          <button type="button" disabled={busy} aria-label={`${t.batches.stop}: ${label}`} onClick={() => act(stop)}>
            {t.batches.stop}
          </button>
        )}
        {over && counts.succeeded > 0 && (
          <button
            type="button"
            class="primary"
            disabled={busy}
            aria-busy={busy}
            aria-label={`${t.batches.download(counts.succeeded)}: ${label}`}
            onClick={() => act(download)}
          >
            <Icon name="download" />
            {t.batches.download(counts.succeeded)}
          </button>
        )}
        {over && job.state !== "succeeded" && (
          <button type="button" disabled={busy} aria-label={`${t.batches.goOn}: ${label}`} onClick={() => act(goOn)}>
            {t.batches.goOn}
          </button>
        )}
        {over && (
          <button
            type="button"
            class="quiet square"
            disabled={busy}
            aria-label={`${t.styles.delete}: ${label}`}
            title={t.styles.delete}
            onClick={() => setLeaving(true)}
          >
            <Icon name="trash" />
          </button>
        )}
      </div>
      {leaving && (
        <Dialog title={t.batches.deleteTitle} onClose={() => setLeaving(false)}>
          <p>{t.batches.deleteBody(counts.succeeded)}</p>
          <footer>
            <button type="button" class="quiet" onClick={() => setLeaving(false)}>
              {t.app.cancel}
            </button>
            <button
              type="button"
              class="danger"
              onClick={() =>
                act(async () => {
                  await forget(batch);
                  say(t.batches.deleted);
                  document.querySelector<HTMLElement>("main")?.focus();
                })
              }
            >
              {t.styles.delete}
            </button>
          </footer>
        </Dialog>
      )}
    </li>
  );
}

/** How far it is. */
function wordsOf({ counts, job }: Batch): string {
  const done = counts.succeeded + counts.failed;
  if (job.state === "queued") return t.batches.waiting;
  if (job.state === "running") return t.batches.drawn(done, counts.total);
  if (job.state === "succeeded") return t.batches.done(counts.succeeded);
  if (job.state === "canceled") return t.batches.stopped(done, counts.total);
  return explain(job.error?.code ?? "job_failed", job.error?.detail ?? "");
}
