// A picture in, and an answer: was it made here?
import { t } from "../../i18n";
import type { Detection } from "../../api/client";
import { touch } from "../../lib/touch";
import { check, checked, checking, verdict } from "../../state/check";
import { dragging } from "../../state/intake";
import { href } from "../../state/route";
import { Icon } from "../../ui/icons";
import { Pick } from "../../ui/Pick";
import "../../css/check.css";

export function Check() {
  return (
    <section class="page check">
      <a class="back" href={href.results}>
        <Icon name="left" />
        {t.results.title}
      </a>
      <div class="intro">
        <h1>{t.check.title}</h1>
        <p class="lead">{t.check.lead}</p>
      </div>
      <div class={dragging.value ? "dropzone over" : "dropzone"} aria-busy={checking.value}>
        <Icon name="eye" />
        <p class="big">{dragging.value ? t.check.dropHere : touch.value ? t.check.take : t.check.drop}</p>
        <p>{t.check.kept}</p>
        <Pick class="primary" onFiles={(files) => void check(files[0]!)}>
          {checking.value ? `${t.check.looking}…` : t.check.choose}
        </Pick>
      </div>
      {checked.value && <Found />}
    </section>
  );
}

function Found() {
  const { picture, found } = checked.value!;
  return (
    <section class="found" aria-labelledby="verdict">
      <img src={picture.url} alt={picture.name} width={picture.width} height={picture.height} />
      <div>
        <h2 id="verdict">{verdict(found)}</h2>
        <ul>
          {signsOf(found).map((sign) => (
            <li key={sign}>{sign}</li>
          ))}
        </ul>
        {found.watermark?.result_id && <a href={href.results}>{t.check.yours}</a>}
        {!found.made_by_fewstroke && <p class="help">{t.check.proves}</p>}
      </div>
    </section>
  );
}

/** What was found and what was not, a line each. */
function signsOf({ watermark, manifest, digital_source_type }: Detection): string[] {
  return [
    watermark ? t.check.watermark : t.check.noWatermark,
    manifest === null ? t.check.noManifest : manifest.state === "valid" ? t.check.manifest(manifest.signer ?? t.check.unnamed) : t.check.changed,
    ...(digital_source_type?.match(/trainedAlgorithmic/i) ? [t.check.byAi] : []),
  ];
}
