// Before and after in one frame, from the result on. The slider is a native range input: pointer, touch and keyboard.
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { t } from "../i18n";

interface Props {
  before: string;
  after: string | null;
  beforeAlt: string;
  afterAlt: string;
  width: number;
  height: number;
  busy: boolean;
  /** The photo as it was, whatever the slider says. */
  peek?: boolean;
  labels?: [before: string, after: string];
}

const UNVEIL = 900; // ms
const EDGE = 14; // % from which on a label has room

export function Compare({ before, after, beforeAlt, afterAlt, width, height, busy, peek = false, labels = [t.use.before, t.use.after] }: Props) {
  const [share, setShare] = useState(0); // % of the photo as it was, from the left
  const frame = useRef<HTMLDivElement>(null);
  const there = after !== null;
  useLayoutEffect(() => {
    frame.current!.style.setProperty("--share", `${share}%`);
  }, [share]);
  useLayoutEffect(() => {
    frame.current!.style.setProperty("--ratio", String(width / height));
  }, [width, height]);
  // The first result is drawn over the photo.
  useLayoutEffect(() => {
    if (!there || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    const began = performance.now();
    let next = requestAnimationFrame(function draw(now) {
      const done = Math.min(1, Math.max(0, now - began) / UNVEIL);
      setShare(100 * (1 - done) ** 3);
      if (done < 1) next = requestAnimationFrame(draw);
    });
    return () => cancelAnimationFrame(next);
  }, [there]);
  return (
    <div ref={frame} class={`compare${after ? " ready" : ""}${peek ? " peek" : ""}`} aria-busy={busy}>
      <img class="before" src={before} alt={beforeAlt} width={width} height={height} />
      {after && (
        <>
          <img class="after" src={after} alt={afterAlt} width={width} height={height} />
          {(peek || share > EDGE) && <span class="tag one" aria-hidden="true">{labels[0]}</span>}
          {!peek && share < 100 - EDGE && <span class="tag two" aria-hidden="true">{labels[1]}</span>}
          <input
            type="range"
            min="0"
            max="100"
            step="1"
            value={Math.round(share)}
            aria-label={t.use.compare}
            aria-valuetext={`${labels[1]} ${100 - Math.round(share)} %`}
            onInput={(event) => setShare(event.currentTarget.valueAsNumber)}
          />
          <span class="grip" aria-hidden="true" />
        </>
      )}
    </div>
  );
}
