// The losses over the inner steps, growing while they come.
import { t } from "../../i18n";
import type { Point } from "../../state/learning";

const W = 320;
const H = 120;
const PAD = 6;
const SERIES = ["total", "style", "content"] as const;

export function LossCurve({ curve, steps }: { curve: Point[]; steps: number }) {
  const first = curve[0];
  const last = curve[curve.length - 1];
  const top = Math.max(1e-6, ...curve.flatMap((point) => SERIES.map((name) => point[name]).filter(Number.isFinite)));
  const span = Math.max(steps, 1);
  const x = (step: number) => PAD + (step / span) * (W - 2 * PAD);
  const y = (loss: number) => H - PAD - (loss / top) * (H - 2 * PAD);
  const line = (name: (typeof SERIES)[number]) =>
    curve
      .filter((point) => Number.isFinite(point[name]))
      .map((point, index) => `${index ? "L" : "M"}${x(point.step).toFixed(1)} ${y(point[name]).toFixed(1)}`)
      .join("");
  const alt = first && last ? t.learn.curveAlt(first.total.toFixed(2), last.total.toFixed(2), last.step) : t.learn.curve;
  return (
    <figure class="curve">
      <figcaption>
        <span>{t.learn.curve}</span>
        <span class="legend" aria-hidden="true">
          {SERIES.map((name) => (
            <span key={name} class={name}>
              {t.learn[name]} {last && Number.isFinite(last[name]) ? last[name].toFixed(2) : ""}
            </span>
          ))}
        </span>
      </figcaption>
      <svg viewBox={`0 0 ${W} ${H}`} role="img" aria-label={alt} preserveAspectRatio="none">
        {[0.25, 0.5, 0.75, 1].map((part) => (
          <path key={part} class="rule" d={`M${PAD} ${y(top * part)}H${W - PAD}`} />
        ))}
        <path class="rule base" d={`M${PAD} ${H - PAD}H${W - PAD}`} />
        {[...SERIES].reverse().map((name) => (
          <path key={name} class={`line ${name}`} d={line(name)} />
        ))}
      </svg>
    </figure>
  );
}
