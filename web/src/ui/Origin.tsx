// What a result's file says of how it was made, and a warning where it comes near a picture of the examples.
import type { Image } from "../api/client";
import { t } from "../i18n";

export function Origin({ image }: { image: Image }) {
  const { signed, watermark, label } = image.provenance ?? {};
  return (
    <p class="help">
      {t.origin.told(Boolean(signed), Boolean(watermark))}
      {label ? ` ${t.origin.labelled((label as { text: string }).text)}` : ""}
    </p>
  );
}

export function Near({ image }: { image: Image }) {
  const nearest = image.provenance?.["nearest_example"] as { copy: boolean } | null | undefined;
  return nearest?.copy ? <p class="near">{t.origin.copy}</p> : null;
}
