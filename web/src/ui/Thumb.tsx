// A style's thumbnail, made when it comes into view: until then the photo as it is, without its colours.
import { useEffect, useRef } from "preact/hooks";
import type { Style } from "../api/client";
import { THUMBNAIL_PHOTO } from "../lib/samples";
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
      <img class="plain" src={THUMBNAIL_PHOTO} alt="" width="360" height="240" />
      {url && <img class="styled" src={url} alt={alt} width="360" height="240" />}
    </span>
  );
}
