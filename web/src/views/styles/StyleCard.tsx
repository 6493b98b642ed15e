import { useEffect, useState } from "preact/hooks";
import type { Style } from "../../api/client";
import { dayOf, t } from "../../i18n";
import { learning } from "../../state/learning";
import { go, href } from "../../state/route";
import { exportFile, nameOf, relearn, remove, rename } from "../../state/styles";
import { strips, wantStrip } from "../../state/strips";
import { drop } from "../../state/thumbs";
import { say, sayError } from "../../state/toast";
import { settled } from "../../state/unkept";
import { Dialog } from "../../ui/Dialog";
import { Icon } from "../../ui/icons";
import { Thumb } from "../../ui/Thumb";
import { copy } from "../use/CodeDialog";

type Open = "rename" | "delete" | null;

/** What is known of a style; each part stays in one line. */
function About({ style }: { style: Style }) {
  const k = Number(style.header?.["k"]);
  const end = style.expires_at ? t.styles.until(dayOf(style.expires_at)) : "";
  return (
    <>
      {[k ? t.styles.from(k) : "", dayOf(style.created_at), end].filter(Boolean).map((part) => (
        <span key={part}>{part}</span>
      ))}
    </>
  );
}

export function StyleCard({ style }: { style: Style }) {
  const [open, setOpen] = useState<Open>(null);
  const name = nameOf(style);
  const pending = style.status === "pending";
  const outdated = style.status === "outdated";
  const live = pending && learning.value?.styleId === style.id ? learning.value : null;
  const preview = live?.previews.at(-1);
  const act = (work: () => Promise<unknown>) => void work().catch(sayError);
  const face = pending ? (style.job_id ? href.learning(style.job_id) : href.make) : href.style(style.id);
  const facts = outdated ? (style.job_id ? t.styles.outdated : t.styles.outdatedImported) : pending ? t.styles.pending : <About style={style} />;
  return (
    <li class="card">
      <a class="face" href={face}>
        {preview ? (
          <span class="thumb">
            <img class="styled" src={preview.url} alt={t.learn.previewAlt(preview.step)} width="360" height="240" />
          </span>
        ) : (
          <Thumb style={style} alt={t.styles.thumbAlt(name)} />
        )}
        <strong>{name}</strong>
        <small class="facts">{live ? t.app.learning(live.step, live.steps) : facts}</small>
      </a>
      <Strip style={style} />
      {style.status === "ready" && (
        <a class="button" href={href.use(style.id)} aria-label={`${t.styles.use}: ${name}`}>
          {t.styles.use}
        </a>
      )}
      {outdated && style.job_id && (
        <button
          type="button"
          aria-label={`${t.styles.relearn}: ${name}`}
          onClick={() =>
            act(async () => {
              const job = await relearn(style.id);
              drop(style.id);
              go(href.learning(job));
            })
          }
        >
          {t.styles.relearn}
        </button>
      )}
      <div class="tools" role="group" aria-label={t.styles.actions(name)}>
        <button type="button" aria-label={`${t.styles.rename}: ${name}`} title={t.styles.rename} onClick={() => setOpen("rename")}>
          <Icon name="edit" />
        </button>
        {!pending && (
          <>
            <button type="button" aria-label={`${t.styles.export}: ${name}`} title={t.styles.export} onClick={() => act(() => exportFile(style))}>
              <Icon name="download" />
            </button>
            <button
              type="button"
              aria-label={`${t.styles.share}: ${name}`}
              title={t.styles.share}
              onClick={() =>
                act(async () => {
                  await copy(new URL(href.use(style.id), document.baseURI).href);
                  say(t.styles.shared);
                })
              }
            >
              <Icon name="link" />
            </button>
          </>
        )}
        <button type="button" aria-label={`${t.styles.delete}: ${name}`} title={t.styles.delete} onClick={() => setOpen("delete")}>
          <Icon name="trash" />
        </button>
      </div>
      {open === "rename" && <Rename style={style} onClose={() => setOpen(null)} />}
      {open === "delete" && (
        <Dialog title={t.styles.deleteTitle(name)} onClose={() => setOpen(null)}>
          <p>{t.styles.deleteBody}</p>
          <footer>
            <button type="button" class="quiet" onClick={() => setOpen(null)}>
              {t.app.cancel}
            </button>
            <button
              type="button"
              class="danger"
              onClick={() =>
                act(async () => {
                  await remove(style.id);
                  drop(style.id);
                  say(t.styles.deleted(name));
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

/** Some of what it was learned from. */
function Strip({ style }: { style: Style }) {
  useEffect(() => void wantStrip(style), [style.id, style.job_id]);
  const all = strips.value[style.id];
  const coming = !all && style.job_id; // what is below keeps its place
  return (
    <ul class={coming ? "strip-of small coming" : "strip-of small"} aria-hidden="true">
      {all?.map((url) => (
        <li key={url}>
          <img src={url} alt="" loading="lazy" width="48" height="48" />
        </li>
      ))}
    </ul>
  );
}

function Rename({ style, onClose }: { style: Style; onClose: () => void }) {
  const [name, setName] = useState(style.name ?? "");
  return (
    <Dialog title={t.styles.renameTitle} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const chosen = name.trim();
          if (!chosen) return;
          rename(style.id, chosen)
            .then(() => {
              settled(style.id);
              say(t.styles.renamed(chosen));
              onClose();
            })
            .catch(sayError);
        }}
      >
        <label class="field">
          <span>{t.styles.name}</span>
          <input required autofocus maxLength={200} value={name} onInput={(event) => setName(event.currentTarget.value)} />
        </label>
        <footer>
          <button type="button" class="quiet" onClick={onClose}>
            {t.app.cancel}
          </button>
          <button type="submit" class="primary">
            {t.styles.save}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
