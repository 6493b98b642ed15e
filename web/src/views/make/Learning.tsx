// A style being learned, live; then named and kept.
import { useEffect, useRef, useState } from "preact/hooks";
import { span, t } from "../../i18n";
import { pictures, watchedUrl } from "../../state/draft";
import { bestOf, cancel, leave, over, secondsLeft, start, uploading, type Learning as Job } from "../../state/learning";
import { connection } from "../../state/net";
import { go, href } from "../../state/route";
import { Compare } from "../../ui/Compare";
import { Icon } from "../../ui/icons";
import { Notice } from "../../ui/Notice";
import { Keep } from "./Keep";
import { LossCurve } from "./LossCurve";

function heading(now: Job): string {
  if (now.state === "succeeded") return t.learn.doneTitle;
  if (now.state === "canceled") return t.learn.canceledTitle;
  return over(now) ? t.learn.failedTitle : t.learn.title;
}

function status(now: Job): string {
  if (now.state === "queued") return t.learn.queued;
  if (now.state === "canceling") return t.learn.canceling;
  return now.curve.length ? t.learn.step(now.step, now.steps) : t.learn.starting;
}

export function Learning({ now }: { now: Job }) {
  const title = useRef<HTMLHeadingElement>(null);
  const done = over(now);
  useEffect(() => title.current?.focus({ preventScroll: true }), [done]);
  return (
    <section class="page learning">
      <h1 ref={title} tabIndex={-1}>
        {heading(now)}
      </h1>
      {!now.live && !done && connection.value === "ok" && <Notice tone="warn">{t.learn.reconnecting}</Notice>}
      {now.noWorker && <Notice tone="warn">{t.net.noWorker}</Notice>}
      {now.attempt > 1 && !done && <Notice>{t.learn.restarted}</Notice>}
      <div class="columns">
        {(!done || now.previews.length > 0) && <Preview now={now} />}
        <div class="panel">
          {now.state === "succeeded" ? <Keep now={now} /> : done ? <Ended now={now} /> : <Running now={now} />}
          {(now.curve.length > 1 || !done) && (
            <details class="fold">
              <summary>
                <Icon name="right" />
                {t.learn.details}
              </summary>
              <div>
                <LossCurve curve={now.curve} steps={now.steps} />
              </div>
            </details>
          )}
        </div>
      </div>
    </section>
  );
}

const BESIDE = 4; // examples next to the preview
const FIRST_PREVIEWS = 5; // as many as are seen to be coming: one every few steps

function Preview({ now }: { now: Job }) {
  const [chosen, setChosen] = useState<number | null>(null); // null: the newest; in the end what is nearest to the best
  const newest = now.previews[now.previews.length - 1];
  const first = now.previews.find(({ step }) => step === 0);
  const best = now.state === "succeeded" ? bestOf(now.curve) : null;
  const away = (preview: { step: number }) => Math.abs(preview.step - best!.step);
  const kept = best && now.previews.reduce((nearest, one) => (away(one) <= away(nearest) ? one : nearest), now.previews[0]!);
  const shown = now.previews.find((preview) => preview.step === chosen) ?? kept ?? newest;
  const expected = over(now) ? 0 : Math.min(FIRST_PREVIEWS, now.steps ? Math.ceil(now.steps / 5) + 1 : FIRST_PREVIEWS);
  const room = Array.from({ length: Math.max(0, expected - now.previews.length) }, (_, index) => index);
  const strip = useRef<HTMLOListElement>(null);
  useEffect(() => {
    const last = strip.current?.children[now.previews.length - 1] as HTMLElement | undefined;
    if (last) strip.current!.scrollTo({ left: last.offsetLeft + last.offsetWidth - strip.current!.clientWidth });
  }, [now.previews.length]);
  return (
    <div class="watch">
      <div class={pictures.value.length ? "easel beside" : "easel"} aria-busy={!over(now)}>
        {!shown ? (
          <div class="coming">
            {pictures.value.length > 0 && !over(now) && <img src={watchedUrl()} alt="" />}
            <p>{over(now) ? "" : t.learn.waiting}</p>
          </div>
        ) : now.state === "succeeded" && first && first !== shown ? (
          <Wipe first={first.url} now={shown.url} step={shown.step} />
        ) : (
          <img src={shown.url} alt={t.learn.previewAlt(shown.step)} />
        )}
        {pictures.value.length > 0 && (
          <ul aria-label={t.make.examples}>
            {pictures.value.slice(0, BESIDE).map((picture) => (
              <li key={picture.id}>
                <img src={picture.url} alt="" width="96" height="96" />
              </li>
            ))}
          </ul>
        )}
      </div>
      <ol class="strip" aria-label={t.learn.history} ref={strip}>
        {now.previews.map((preview) => (
          <li key={preview.step}>
            <button
              type="button"
              aria-pressed={preview === shown}
              onClick={() => setChosen(preview === newest && !over(now) ? null : preview.step)}
            >
              <img src={preview.url} alt="" width="96" height="64" />
              <span>{t.learn.at(preview.step)}</span>
            </button>
          </li>
        ))}
        {room.map((index) => (
          <li key={`room${index}`} class="room" aria-hidden="true" />
        ))}
      </ol>
    </div>
  );
}

/** The first guess and what became of it, one over the other. */
function Wipe({ first, now, step }: { first: string; now: string; step: number }) {
  const [size, setSize] = useState({ width: 3, height: 2 });
  return (
    <>
      <img class="measure" src={now} alt="" onLoad={(event) => setSize({ width: event.currentTarget.naturalWidth, height: event.currentTarget.naturalHeight })} />
      <Compare
        before={first}
        after={now}
        beforeAlt={t.learn.previewAlt(0)}
        afterAlt={t.learn.previewAlt(step)}
        {...size}
        busy={false}
        labels={[t.learn.wipe, t.learn.wiped]}
      />
    </>
  );
}

function Running({ now }: { now: Job }) {
  const time = useTime();
  const seconds = now.startedAt ? Math.max(0, ((now.endedAt ?? time) - now.startedAt) / 1000) : null;
  const left = secondsLeft(now, time);
  return (
    <div class="running">
      <p class="status" role="status">
        {status(now)}
      </p>
      <progress
        aria-label={status(now)}
        {...(now.steps ? { value: now.step, max: now.steps } : {})}
      />
      <p class="times">
        <span>
          {t.learn.elapsed} {seconds === null ? "–" : span(seconds)}
        </span>
        <span>{left === null ? "" : t.learn.remaining(span(left))}</span>
      </p>
      <button type="button" disabled={now.state === "canceling"} onClick={() => void cancel()}>
        <Icon name="close" />
        {t.learn.cancel}
      </button>
    </div>
  );
}

/** The clock, read every second. */
function useTime(): number {
  const [time, setTime] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setTime(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return time;
}

function Ended({ now }: { now: Job }) {
  const again = pictures.value.length > 0;
  return (
    <div class="ended">
      {now.state === "canceled" ? (
        <p>{t.learn.canceled}</p>
      ) : (
        <Notice tone="error">{now.error ?? t.errors.byCode["job_failed"]}</Notice>
      )}
      {again && (
        <button
          type="button"
          class="primary"
          disabled={uploading.value !== null}
          onClick={() => {
            leave();
            go(href.make);
            void start();
          }}
        >
          {t.learn.again}
        </button>
      )}
      <button
        type="button"
        onClick={() => {
          leave();
          go(href.make);
        }}
      >
        {t.learn.fresh}
      </button>
    </div>
  );
}
