// Two to four styles at the corners of a pad; the point says how much of each.
import { useLayoutEffect, useRef } from "preact/hooks";
import { t } from "../../i18n";
import { find, nameOf } from "../../state/styles";
import { mix, setMix, type Share } from "../../state/use";
import { Thumb } from "../../ui/Thumb";

type Spot = readonly [x: number, y: number]; // in the unit square

const layouts: Record<number, readonly Spot[]> = {
  2: [[0, 0.5], [1, 0.5]],
  3: [[0.5, 0], [0, 1], [1, 1]],
  4: [[0, 0], [1, 0], [0, 1], [1, 1]],
};
const STEP = 0.05;

/** Where the shares put the point: the weighted mean of the corners. */
function spotOf(shares: Share[], corners: readonly Spot[]): Spot {
  const mean = (axis: 0 | 1) => shares.reduce((sum, { weight }, index) => sum + weight * corners[index]![axis], 0);
  return [mean(0), mean(1)];
}

/** The shares of a point: linear between two, barycentric in a triangle, bilinear in a square. */
export function weightsAt([x, y]: Spot, count: number): number[] {
  if (count === 2) return [1 - x, x];
  if (count === 4) return [(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y];
  const top = 1 - y;
  const right = Math.min(y, Math.max(0, x - top / 2));
  return [top, Math.max(0, 1 - top - right), right];
}

export function BlendPad() {
  const pad = useRef<HTMLDivElement>(null);
  const point = useRef<HTMLButtonElement>(null);
  const shares = mix.value;
  const corners = layouts[shares.length] ?? layouts[4]!;
  const spot = spotOf(shares, corners);
  const name = (id: string) => nameOf(find(id));

  useLayoutEffect(() => {
    point.current!.style.left = `${spot[0] * 100}%`;
    point.current!.style.top = `${spot[1] * 100}%`;
  }, [spot[0], spot[1]]);

  function put([x, y]: Spot) {
    const inside: Spot = [Math.min(1, Math.max(0, x)), Math.min(1, Math.max(0, y))];
    const weights = weightsAt(inside, shares.length);
    setMix(shares.map(({ id }, index) => ({ id, weight: weights[index]! })));
  }

  function onPointer(event: PointerEvent) {
    if (event.type === "pointerdown") pad.current!.setPointerCapture(event.pointerId);
    else if (!pad.current!.hasPointerCapture(event.pointerId)) return;
    const area = pad.current!.getBoundingClientRect();
    put([(event.clientX - area.left) / area.width, (event.clientY - area.top) / area.height]);
    point.current!.focus({ preventScroll: true });
  }

  function onKey(event: KeyboardEvent) {
    const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [0, 0];
    if (!dx && !dy) return;
    event.preventDefault();
    const [x, y] = spotOf(mix.value, corners); // newer than what is drawn when the key repeats
    put([x + dx! * STEP, y + dy! * STEP]);
  }

  return (
    <section class="blend" aria-labelledby="blend">
      <h2 id="blend">{t.use.blend}</h2>
      <p class="help" id="blend-help">
        {t.use.blendHelp}
      </p>
      <div class={`pad of-${shares.length}`} ref={pad} onPointerDown={onPointer} onPointerMove={onPointer}>
        {shares.map(({ id }, index) => (
          <span key={id} class={`corner c${index}`} aria-hidden="true">
            {[find(id)].map((style) => style && <Thumb key={id} style={style} alt="" />)}
          </span>
        ))}
        <button
          ref={point}
          type="button"
          class="point"
          aria-label={t.use.blendPoint(shares.map(({ id, weight }) => `${name(id)} ${Math.round(weight * 100)} %`).join(", "))}
          aria-describedby="blend-help"
          onKeyDown={onKey}
        />
      </div>
      <div class="shares">
        {shares.map(({ id, weight }, index) => (
          <label key={id}>
            <span class="name" title={name(id)}>
              {name(id)}
            </span>
            <input
              type="range"
              min="0"
              max="1"
              step="0.01"
              value={weight}
              aria-label={t.use.shareOf(name(id))}
              aria-valuetext={`${Math.round(weight * 100)} %`}
              onInput={(event) => setMix(withShare(shares, index, event.currentTarget.valueAsNumber))}
            />
            <output>{Math.round(weight * 100)} %</output>
          </label>
        ))}
      </div>
    </section>
  );
}

/** One share set, the others scaled to fill the rest. */
function withShare(shares: Share[], index: number, weight: number): Share[] {
  const rest = shares.reduce((sum, share, at) => (at === index ? sum : sum + share.weight), 0);
  return shares.map((share, at) => ({
    id: share.id,
    weight: at === index ? weight : rest > 0 ? (share.weight / rest) * (1 - weight) : (1 - weight) / (shares.length - 1),
  }));
}
