// Before and after in one frame. The slider is a native range input: pointer, touch and keyboard.
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
}

export function Compare({ before, after, beforeAlt, afterAlt, width, height, busy }: Props) {
  const [share, setShare] = useState(50);
  const frame = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    frame.current!.style.setProperty("--share", `${share}%`);
  }, [share]);
  useLayoutEffect(() => {
    frame.current!.style.setProperty("--ratio", String(width / height));
  }, [width, height]);
  return (
    <div ref={frame} class={after ? "compare ready" : "compare"} aria-busy={busy}>
      <img class="before" src={before} alt={beforeAlt} width={width} height={height} />
      {after && (
        <>
          <img class="after" src={after} alt={afterAlt} width={width} height={height} />
          <span class="tag one" aria-hidden="true">{t.use.before}</span>
          <span class="tag two" aria-hidden="true">{t.use.after}</span>
          <input
            type="range"
            min="0"
            max="100"
            value={share}
            aria-label={t.use.compare}
            aria-valuetext={`${t.use.after} ${100 - share} %`}
            onInput={(event) => setShare(event.currentTarget.valueAsNumber)}
          />
          <span class="grip" aria-hidden="true" />
        </>
      )}
    </div>
  );
}
