// A style's thumbnail, made when it comes into view.
import { useEffect, useRef } from "preact/hooks";
import type { Style } from "../api/client";
import { thumbs, want } from "../state/thumbs";

export function Thumb({ style, alt }: { style: Style; alt: string }) {
  const frame = useRef<HTMLSpanElement>(null);
  const url = thumbs.value[style.id];
  useEffect(() => {
    const watch = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) {
        watch.disconnect();
        want(style);
      }
    });
    watch.observe(frame.current!);
    return () => watch.disconnect();
  }, [style.id, style.status]);
  return (
    <span ref={frame} class={url ? "thumb" : url === "" ? "thumb none" : "thumb empty"}>
      {url && <img src={url} alt={alt} width="360" height="240" />}
    </span>
  );
}
