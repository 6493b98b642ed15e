// One style: what it was learned from, how a photo looks in it, and what can be done with it.
import { useEffect, useState } from "preact/hooks";
import type { Style } from "../../api/client";
import { send } from "../../api/http";
import { dayOf, t } from "../../i18n";
import { saveBlob } from "../../lib/files";
import { artOf } from "../../lib/presets";
import { examples, wantExamples } from "../../state/examples";
import { loadPresets } from "../../state/presets";
import { go, href } from "../../state/route";
import { curlOf } from "../../lib/code";
import { hasKey } from "../../state/key";
import { exportFile, fetchStyle, find, nameOf, relearn } from "../../state/styles";
import { sayError, sentence } from "../../state/toast";
import { drop } from "../../state/thumbs";
import { Icon } from "../../ui/icons";
import { Notice } from "../../ui/Notice";
import { Snippet } from "../use/CodeDialog";
import { Dials } from "../use/Dials";
import { Preview } from "./Preview";

export function StylePage({ id }: { id: string }) {
  const [refused, setRefused] = useState<string | null>(null);
  const style = find(id);
  useEffect(() => {
    setRefused(null);
    if (!find(id)) void Promise.all([loadPresets(), fetchStyle(id)]).catch((error: unknown) => setRefused(sentence(error)));
  }, [id]);
  useEffect(() => {
    if (style) void wantExamples(style);
  }, [style]);
  return (
    <section class="page style" aria-busy={!style && !refused}>
      <a class="back" href={href.styles}>
        <Icon name="left" />
        {t.styles.title}
      </a>
      {refused !== null && <Notice tone="error">{refused}</Notice>}
      {style && <Shown style={style} />}
    </section>
  );
}

function Shown({ style }: { style: Style }) {
  const name = nameOf(style);
  const art = style.preset && artOf(style.preset.slug);
  const shown = art ? [art.work] : (examples.value[style.id] ?? []);
  const [k, steps] = [Number(style.header?.["k"]), Number(style.header?.["steps"])];
  const facts = [k ? t.styles.from(k) : "", steps ? t.page.steps(steps) : "", style.preset ? "" : dayOf(style.created_at)];
  const ready = style.status === "ready";
  return (
    <>
      <div class="intro">
        <h1>{name}</h1>
        <p class="lead">
          {style.preset ? `${t.presets[style.preset.slug]?.artist ?? style.preset.artist} (${style.preset.lived})` : style.description}
        </p>
        <small class="facts">
          {facts.filter(Boolean).map((fact) => (
            <span key={fact}>{fact}</span>
          ))}
        </small>
      </div>
      <div class="columns">
        <div class="preview">
          <Preview style={style} />
          <section aria-labelledby="learned-from">
            <h2 id="learned-from">{t.page.examples}</h2>
            {shown.length > 0 ? (
              <ul class="strip-of">
                {shown.map((url, index) => (
                  <li key={url}>
                    <img src={url} alt={t.page.example(index + 1, shown.length)} loading="lazy" width="160" height="160" />
                  </li>
                ))}
              </ul>
            ) : (
              <p class="help">{style.id in examples.value || !style.job_id ? t.page.examplesGone : `${t.app.loading}…`}</p>
            )}
            {(style.rights || style.licence) && (
              <p class="help">{[style.rights, style.licence && t.page.licence(style.licence)].filter(Boolean).join(" · ")}</p>
            )}
            {style.preset && (
              <>
                <h3>{t.page.works}</h3>
                <ul class="works">
                  {style.preset.works.map((work) => (
                    <li key={work}>{work}</li>
                  ))}
                </ul>
                <p class="help">{style.preset.licence}</p>
              </>
            )}
          </section>
        </div>
        <div class="panel">
          {ready && (
            <a class="button primary large" href={href.use(style.id)}>
              <Icon name="image" />
              {t.styles.use}
            </a>
          )}
          {style.status === "outdated" && style.job_id && (
            <button
              type="button"
              class="primary large"
              onClick={() =>
                void relearn(style.id)
                  .then((job) => {
                    drop(style.id);
                    go(href.learning(job));
                  })
                  .catch(sayError)
              }
            >
              {t.styles.relearn}
            </button>
          )}
          {ready && <Dials />}
          {ready && (
            <>
              <details class="fold">
                <summary>
                  <Icon name="right" />
                  {t.use.code}
                </summary>
                <div>
                  <Snippet name="curl" text={curlOf(style.id, hasKey.value)} />
                </div>
              </details>
              <Take label={t.page.file} help={t.page.fileHelp} act={() => exportFile(style)} />
              <Take
                label={t.page.onnx}
                help={t.page.onnxHelp}
                act={async () => saveBlob(await (await send(`/v1/styles/${style.id}/onnx?precision=fp16`)).blob(), `${name}.onnx`)}
              />
            </>
          )}
        </div>
      </div>
    </>
  );
}

function Take({ label, help, act }: { label: string; help: string; act: () => Promise<void> }) {
  const [busy, setBusy] = useState(false);
  return (
    <div class="take">
      <button
        type="button"
        disabled={busy}
        aria-busy={busy}
        onClick={() => {
          setBusy(true);
          void act()
            .catch(sayError)
            .finally(() => setBusy(false));
        }}
      >
        <Icon name="download" />
        {label}
      </button>
      <p class="help">{help}</p>
    </div>
  );
}
