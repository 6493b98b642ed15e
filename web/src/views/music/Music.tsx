// Works of a composer in, new songs in that manner out.
import { useEffect } from "preact/hooks";
import { t } from "../../i18n";
import { asked, cancel, compose, doing, learn, manner, manners, refreshManners, shown, type Mood } from "../../state/music";
import { dragging } from "../../state/intake";
import { nameOf } from "../../state/styles";
import { addWorks, leaveOut, WORKS, works } from "../../state/works";
import { Icon } from "../../ui/icons";
import { Pick } from "../../ui/Pick";
import { Song } from "./Song";
import "../../css/music.css";

const METERS = ["4/4", "3/4", "2/4", "6/8", "2/2", "3/8"];

export function Music() {
  useEffect(() => void refreshManners(), []);
  return (
    <section class="page music">
      <div class="intro">
        <h1>{t.music.title}</h1>
        <p class="lead">{t.music.lead}</p>
      </div>
      <div class="two">
        <Works />
        {manners.value.length > 0 && <Ask />}
      </div>
      <Progress />
      {shown.value && <Song key={shown.value.composition.id} song={shown.value} />}
    </section>
  );
}

function Works() {
  return (
    <section class={dragging.value ? "works over" : "works"} aria-label={t.music.works(works.value.length)}>
      <ul>
        {works.value.map((file) => (
          <li key={file}>
            <span>{file.name}</span>
            <button type="button" class="quiet square" aria-label={t.music.leaveOut(file.name)} onClick={() => leaveOut(file)}>
              <Icon name="close" />
            </button>
          </li>
        ))}
      </ul>
      <div class="row">
        <Pick accept={WORKS} multiple onFiles={addWorks}>
          <Icon name="plus" />
          {t.music.choose}
        </Pick>
        <button type="button" class="primary" disabled={!works.value.length || doing.value !== null} onClick={() => void learn()}>
          {t.music.learn}
        </button>
      </div>
      <p class="help">{t.music.help}</p>
    </section>
  );
}

function Ask() {
  const now = asked.value;
  const set = (change: Partial<typeof now>) => (asked.value = { ...now, ...change });
  return (
    <form
      class="ask"
      onSubmit={(event) => {
        event.preventDefault();
        void compose();
      }}
    >
      <label class="field">
        <span>{t.music.style}</span>
        <select value={manner.value ?? ""} onChange={(event) => (manner.value = event.currentTarget.value)}>
          {manners.value.map((style) => (
            <option key={style.id} value={style.id}>
              {nameOf(style)}
            </option>
          ))}
        </select>
      </label>
      <label class="field">
        <span>{t.music.bars}</span>
        <input
          type="number"
          min={2}
          max={64}
          required
          value={now.bars}
          onInput={(event) => set({ bars: event.currentTarget.valueAsNumber })}
        />
      </label>
      <label class="field">
        <span>{t.music.mode}</span>
        <select value={now.mode} onChange={(event) => set({ mode: event.currentTarget.value as typeof now.mode })}>
          {Object.entries(t.music.modes).map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      </label>
      <label class="field">
        <span>{t.music.meter}</span>
        <select value={now.meter} onChange={(event) => set({ meter: event.currentTarget.value })}>
          <option value="">{t.music.asWorks}</option>
          {METERS.map((meter) => (
            <option key={meter}>{meter}</option>
          ))}
        </select>
      </label>
      <label class="field">
        <span>{t.music.mood}</span>
        <select value={now.mood} onChange={(event) => set({ mood: event.currentTarget.value as Mood })}>
          {Object.entries(t.music.moods).map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      </label>
      <div class="row">
        <button type="submit" class="primary" disabled={doing.value !== null}>
          {t.music.compose}
        </button>
        {shown.value && (
          <button type="button" disabled={doing.value !== null} onClick={() => void compose(now.seed + 1)}>
            {t.music.again}
          </button>
        )}
      </div>
    </form>
  );
}

function Progress() {
  const now = doing.value;
  if (!now) return null;
  const said =
    now.state === "queued"
      ? t.music.waiting
      : now.what === "learn"
        ? t.music.learning(now.step, now.steps)
        : t.music.composing(now.step, now.steps);
  return (
    <div class="doing" role="status">
      <p>
        {said}
        {now.nats !== null && <small>{t.music.nats(now.nats.toFixed(3))}</small>}
      </p>
      <progress max={now.steps || 1} value={now.step} aria-label={said} />
      <button type="button" disabled={!now.jobId} onClick={() => void cancel()}>
        {t.app.cancel}
      </button>
    </div>
  );
}
