// The loss over the inner steps, growing while they come, in percent of the zero-step style's.
import { t } from "../../i18n";
import { bestOf, type Point } from "../../state/learning";

const W = 300;
const H = 120;
const GRID = 10; // percent between two lines at the least

export function LossCurve({ curve, steps }: { curve: Point[]; steps: number }) {
  const first = curve[0];
  const last = curve[curve.length - 1];
  const percent = (point: Point) => (first && first.total > 0 ? (point.total / first.total) * 100 : NaN);
  const points = curve.filter((point) => Number.isFinite(percent(point)));
  const all = points.map(percent);
  const [low, high] = [Math.min(90, ...all), Math.max(100, ...all)];
  const gap = GRID * Math.ceil((high - low) / (4 * GRID));
  const [bottom, top] = [Math.floor(low / gap) * gap, Math.ceil(high / gap) * gap];
  const lines = Array.from({ length: Math.round((top - bottom) / gap) + 1 }, (_, index) => top - index * gap);

  const begin = first?.step ?? 1;
  const x = (step: number) => ((step - begin) / Math.max(steps - begin, 1)) * W;
  const y = (value: number) => ((top - value) / (top - bottom)) * H;
  const line = points.map((point, index) => `${index ? "L" : "M"}${x(point.step).toFixed(1)} ${y(percent(point)).toFixed(1)}`);
  const best = bestOf(curve);
  const now = last && Number.isFinite(percent(last)) ? `${Math.round(percent(last))} %` : "";
  return (
    <figure class="curve">
      <figcaption>
        <span>{t.learn.curve}</span>
        <span aria-hidden="true">{now}</span>
      </figcaption>
      <div class="plot">
        <ul class="ticks" aria-hidden="true">
          {lines.map((value) => (
            <li key={value}>{value}</li>
          ))}
        </ul>
        <svg
          viewBox={`0 0 ${W} ${H}`}
          role="img"
          aria-label={last ? t.learn.curveAlt(now, last.step) : t.learn.curve}
          preserveAspectRatio="none"
        >
          {lines.map((value) => (
            <path key={value} class="rule" d={`M0 ${y(value)}H${W}`} />
          ))}
          <path class="line" d={line.join("")} />
          {best && best !== first && <path class="best" d={`M${x(best.step).toFixed(1)} ${y(percent(best)).toFixed(1)}h0`} />}
        </svg>
      </div>
    </figure>
  );
}
