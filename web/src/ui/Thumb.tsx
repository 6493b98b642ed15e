// A style's thumbnail, made when it comes into view: on the person's photo where one is given, else on the sample.
// Until then the photo as it is, without its colours.
import { useEffect, useRef } from "preact/hooks";
import { artOf } from "../lib/presets";
import { THUMBNAIL_PHOTO } from "../lib/samples";
import { keyOf, photoThumbs, want as wantOnPhoto } from "../state/photo_thumbs";
import type { Face } from "../state/presets";
import { thumbs, want } from "../state/thumbs";
import type { Photo } from "../state/use";

interface Props {
  style: Face;
  alt: string;
  photo?: Photo | null;
  small?: boolean; // a square of 84 px or so
}

export function Thumb({ style, alt, photo, small }: Props) {
  const frame = useRef<HTMLSpanElement>(null);
  const art = style.preset && artOf(style.preset.slug);
  const shipped = art?.shown;
  const own = photo ? photoThumbs.value[keyOf(photo, style)] : undefined;
  const url = own ?? thumbs.value[style.id] ?? shipped;
  useEffect(() => {
    const watch = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) {
        watch.disconnect();
        if (photo) wantOnPhoto(photo, style);
        else if (!shipped) want(style);
      }
    });
    watch.observe(frame.current!);
    return () => watch.disconnect();
  }, [style.id, style.status, photo?.id]);
  return (
    <span ref={frame} class={url ? "thumb" : url === "" ? "thumb none" : "thumb empty"}>
      {(photo || !shipped) && <img class="plain" src={photo?.url ?? THUMBNAIL_PHOTO} alt="" width="360" height="240" />}
      {url && (
        <img
          key={url}
          class={own ? "styled own" : "styled"}
          srcset={small && art && url === shipped ? `${art.small} 168w, ${art.shown} 256w` : undefined}
          sizes={small ? "(min-width: 721px) and (max-width: 900px) 22vw, 84px" : undefined}
          fetchPriority={small ? "low" : undefined} // what the service says comes before
          src={url}
          alt={alt}
          width="360"
          height="240"
        />
      )}
    </span>
  );
}
