// What can be set without learning anew: how much of the style, how much of the photo, how large the strokes are.
import { useEffect } from "preact/hooks";
import { t } from "../../i18n";
import { loadModel, model } from "../../state/draft";
import { set, settings, type Settings } from "../../state/use";
import { Segmented } from "../../ui/Segmented";

const strokes = (): { value: Settings["strokes"]; label: string }[] => [
  { value: "fine", label: t.use.strokesFine },
  { value: "usual", label: t.use.strokesUsual },
  { value: "broad", label: t.use.strokesBroad },
];

export function Dials() {
  const now = settings.value;
  const abstraction = now.abstraction ?? model.value?.default_abstraction ?? 0;
  useEffect(() => {
    if (!model.value) void loadModel();
  }, []);
  return (
    <>
      <label class="slider">
        <span>
          {t.use.strength} <b>{Math.round(now.strength * 100)} %</b>
        </span>
        <input
          type="range"
          min="0"
          max={model.value?.max_strength ?? 1}
          step="0.05"
          value={now.strength}
          aria-label={t.use.strength}
          aria-valuetext={`${Math.round(now.strength * 100)} %`}
          onInput={(event) => set({ strength: event.currentTarget.valueAsNumber })}
        />
      </label>
      <label class="slider">
        <span>
          {t.use.abstraction} <b>{Math.round(abstraction * 100)} %</b>
        </span>
        <input
          type="range"
          min="0"
          max="1"
          step="0.05"
          value={abstraction}
          aria-label={t.use.abstraction}
          aria-describedby="abstraction"
          aria-valuetext={`${Math.round(abstraction * 100)} %`}
          onInput={(event) => set({ abstraction: event.currentTarget.valueAsNumber })}
        />
        <small class="help" id="abstraction">{t.use.abstractionHelp}</small>
      </label>
      <Segmented
        legend={t.use.strokes}
        name="strokes"
        value={now.strokes}
        onChange={(strokes) => set({ strokes })}
        options={strokes()}
      />
    </>
  );
}
