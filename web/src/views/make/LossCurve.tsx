// The losses over the inner steps, growing while they come. Each in percent of its own first value: they differ in
// size, and what a person wants to see is how far each has come.
import { t } from "../../i18n";
import { bestOf, type Point } from "../../state/learning";

const W = 300;
const H = 120;
const SERIES = ["total", "style", "content"] as const;
const GRID = 10; // percent between two lines at the least

type Name = (typeof SERIES)[number];

export function LossCurve({ curve, steps }: { curve: Point[]; steps: number }) {
  const first = curve[0];
  const last = curve[curve.length - 1];
  const percent = (point: Point, name: Name) => (first && first[name] > 0 ? (point[name] / first[name]) * 100 : NaN);
  const all = curve.flatMap((point) => SERIES.map((name) => percent(point, name)).filter(Number.isFinite));
  const [low, high] = [Math.min(90, ...all), Math.max(100, ...all)];
  const gap = GRID * Math.ceil((high - low) / (4 * GRID));
  const [bottom, top] = [Math.floor(low / gap) * gap, Math.ceil(high / gap) * gap];
  const lines = Array.from({ length: Math.round((top - bottom) / gap) + 1 }, (_, index) => top - index * gap);

  const begin = first?.step ?? 1;
  const x = (step: number) => ((step - begin) / Math.max(steps - begin, 1)) * W;
  const y = (value: number) => ((top - value) / (top - bottom)) * H;
  const line = (name: Name) =>
    curve
      .filter((point) => Number.isFinite(percent(point, name)))
      .map((point, index) => `${index ? "L" : "M"}${x(point.step).toFixed(1)} ${y(percent(point, name)).toFixed(1)}`)
      .join("");
  const best = bestOf(curve);
  const alt = first && last ? t.learn.curveAlt(first.total.toFixed(2), last.total.toFixed(2), last.step) : t.learn.curve;
  return (
    <figure class="curve">
      <figcaption>
        <span>{t.learn.curve}</span>
        <span class="legend" aria-hidden="true">
          {SERIES.map((name) => (
            <span key={name} class={name} title={last?.[name].toFixed(3)}>
              {t.learn[name]} {last && Number.isFinite(percent(last, name)) ? Math.round(percent(last, name)) : ""}
            </span>
          ))}
        </span>
      </figcaption>
      <div class="plot">
        <ul class="ticks" aria-hidden="true">
          {lines.map((value) => (
            <li key={value}>{value}</li>
          ))}
        </ul>
        <svg viewBox={`0 0 ${W} ${H}`} role="img" aria-label={alt} preserveAspectRatio="none">
          {lines.map((value) => (
            <path key={value} class="rule" d={`M0 ${y(value)}H${W}`} />
          ))}
          {[...SERIES].reverse().map((name) => (
            <path key={name} class={`line ${name}`} d={line(name)} />
          ))}
          {best && best !== first && <path class="best" d={`M${x(best.step).toFixed(1)} ${y(percent(best, "total")).toFixed(1)}h0`} />}
        </svg>
      </div>
    </figure>
  );
}
