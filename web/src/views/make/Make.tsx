// Make a style: choose pictures, then watch.
import { useEffect, useRef, useState } from "preact/hooks";
import { t } from "../../i18n";
import { sets, type SetName } from "../../lib/samples";
import { touch } from "../../lib/touch";
import { add, addSet, effort, limit, loadModel, model, pictures, reading, startOver, stepsOf, type Effort } from "../../state/draft";
import { dragging } from "../../state/intake";
import { learning, resume, secondsFor, start, stopSubmitting, uploading } from "../../state/learning";
import { queueWait } from "../../state/queue";
import { loadPresets, presets } from "../../state/presets";
import { go, href, route } from "../../state/route";
import { sentence } from "../../state/toast";
import { addPhotos, mix } from "../../state/use";
import { Icon } from "../../ui/icons";
import { Notice } from "../../ui/Notice";
import { Pick } from "../../ui/Pick";
import { Segmented } from "../../ui/Segmented";
import { Credits } from "./Credits";
import { Examples } from "./Examples";
import { Gallery, Hero } from "./Gallery";
import { Learning } from "./Learning";
import { Watched } from "./Watched";

export function Make() {
  const job = route.value.view === "make" ? route.value.job : null;
  if (job) return learning.value?.jobId === job ? <Learning now={learning.value} /> : <Waiting key={job} job={job} />;
  return <Choose />;
}

/** Until the service says what became of the job of the address. */
function Waiting({ job }: { job: string }) {
  const [turn, setTurn] = useState(0);
  const [refused, setRefused] = useState<string | null>(null);
  useEffect(() => {
    const abort = new AbortController();
    setRefused(null);
    resume(job, abort.signal).catch((error: unknown) => abort.signal.aborted || setRefused(sentence(error)));
    return () => abort.abort();
  }, [job, turn]);
  return (
    <section class="page waiting" aria-busy={!refused}>
      <h1>{t.learn.title}</h1>
      {refused ? (
        <Notice
          tone="error"
          action={
            <button type="button" onClick={() => setTurn(turn + 1)}>
              {t.app.retry}
            </button>
          }
        >
          {refused}
        </Notice>
      ) : (
        <p class="lead">{t.app.loading}…</p>
      )}
    </section>
  );
}

function Choose() {
  const some = pictures.value.length > 0;
  useEffect(() => {
    if (!model.value) void loadModel();
  }, [some]);
  return (
    <section class={some ? "page make chosen" : "page make"}>
      {some ? (
        <>
          <div class="intro">
            <h1>{t.make.title}</h1>
          </div>
          <Chosen />
        </>
      ) : (
        <>
          <div class="intro shown">
            <div>
              <h1>{t.gallery.headline}</h1>
              <p class="lead">{t.gallery.lead}</p>
              <div class="row">
                <Pick class="primary large" multiple onFiles={(files) => void begin(files)}>
                  <Icon name="image" />
                  {t.gallery.choose}
                </Pick>
                <button type="button" class="large" onClick={() => document.getElementById("teach")!.scrollIntoView({ behavior: "smooth" })}>
                  <Icon name="brush" />
                  {t.make.title}
                </button>
              </div>
              <p class="help">{t.gallery.private}</p>
            </div>
            <Hero />
          </div>
          <Gallery />
          <div class="intro" id="teach">
            <h2 class="big">{t.make.title}</h2>
            <p class="lead">{t.make.lead}</p>
          </div>
          <Empty />
        </>
      )}
    </section>
  );
}

/** A photo is seen in a style at once; another one is a click away. */
async function begin(files: File[]): Promise<void> {
  await addPhotos(files);
  await loadPresets();
  const first = mix.value.length ? mix.value.map(({ id }) => id) : presets.value.slice(0, 1).map(({ id }) => id);
  go(href.use(...first));
}

function Empty() {
  const [asked, setAsked] = useState<SetName | null>(null);
  const busy = reading.value > 0;
  return (
    <>
      <div class={dragging.value ? "dropzone over" : "dropzone"} aria-busy={busy && !asked}>
        <Icon name="upload" />
        <p class="big">{dragging.value ? t.make.dropHere : touch.value ? t.make.take : t.make.drop}</p>
        <p>{touch.value ? t.make.hintTouch : t.make.hint}</p>
        <Pick class="primary" multiple onFiles={(files) => void add(files)}>
          {t.make.choose}
        </Pick>
      </div>
      <section class="samples" aria-labelledby="samples">
        <h2 id="samples">{t.make.samples}</h2>
        <ul>
          {sets.map(({ name, samples }) => (
            <li key={name}>
              <button
                type="button"
                class="set"
                aria-busy={busy && asked === name}
                onClick={() => {
                  setAsked(name);
                  void addSet(samples.map(({ url }) => url), t.make.sets[name], t.make.setsBy[name]).finally(() => setAsked(null));
                }}
              >
                <span class={`collage of-${samples.length}`}>
                  {samples.map(({ small }) => (
                    <img key={small} src={small} alt="" width="160" height="120" loading="lazy" fetchPriority="low" />
                  ))}
                </span>
                <span class="caption">
                  <strong>{t.make.sets[name]}</strong>
                  <small class="facts">
                    <span>{t.make.setsBy[name]}</span>
                    <span>{t.make.pictures(samples.length)}</span>
                  </small>
                </span>
              </button>
            </li>
          ))}
        </ul>
      </section>
    </>
  );
}

const efforts: Effort[] = ["quick", "standard", "thorough"];

/** How long it takes, where this browser has seen it; else how many steps it has. */
function noteOf(steps: number): string {
  const seconds = secondsFor(steps);
  return seconds === null ? t.make.steps(steps) : t.make.takes(seconds);
}

function Chosen() {
  const fraction = uploading.value;
  const button = useRef<HTMLButtonElement>(null);
  return (
    <div class="columns">
      <div class="gather">
        <Examples />
        <div class="row">
          {pictures.value.length < limit() && (
            <Pick class={dragging.value ? "over" : ""} multiple onFiles={(files) => void add(files)}>
              <Icon name="plus" />
              {dragging.value ? t.make.dropHere : t.make.dropMore}
            </Pick>
          )}
          <button type="button" class="quiet" onClick={startOver}>
            {t.make.clear}
          </button>
        </div>
      </div>
      <form
        class="panel"
        onSubmit={(event) => {
          event.preventDefault();
          void start();
        }}
      >
        <Watched />
        <Segmented
          legend={t.make.effort}
          name="effort"
          value={effort.value}
          onChange={(value) => (effort.value = value)}
          options={efforts.map((value) => ({
            value,
            label: t.make.efforts[value],
            note: noteOf(stepsOf(value)),
          }))}
        />
        <Credits />
        {fraction === null ? (
          <div class="start">
            <button ref={button} type="submit" class="primary large" disabled={reading.value > 0}>
              {t.make.start}
            </button>
          </div>
        ) : (
          <div class="sending">
            {queueWait.value === null ? (
              <>
                <p role="status">{t.make.uploading(Math.round(fraction * 100))}</p>
                <progress value={fraction} max="1" aria-label={t.make.uploading(Math.round(fraction * 100))} />
              </>
            ) : (
              <Notice tone="warn" silent>{t.queue.full(queueWait.value)}</Notice>
            )}
            <button type="button" onClick={stopSubmitting}>
              {queueWait.value === null ? t.app.cancel : t.queue.stop}
            </button>
          </div>
        )}
      </form>
    </div>
  );
}
