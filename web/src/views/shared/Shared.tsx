// What somebody with a link sees: before, after, and how to make one's own.
import { useEffect, useState } from "preact/hooks";
import { call, type SharedResult } from "../../api/client";
import { urlOf } from "../../api/http";
import { t } from "../../i18n";
import { loadPresets } from "../../state/presets";
import { href } from "../../state/route";
import { find, nameOf } from "../../state/styles";
import { sentence } from "../../state/toast";
import { Compare } from "../../ui/Compare";
import { Icon } from "../../ui/icons";
import { Notice } from "../../ui/Notice";

export function Shared({ token }: { token: string }) {
  const [seen, setSeen] = useState<SharedResult | null>(null);
  const [gone, setGone] = useState<string | null>(null);
  useEffect(() => {
    const abort = new AbortController();
    setSeen(null);
    setGone(null);
    call("get", "/v1/shared/{token}", { path: { token }, signal: abort.signal })
      .then(setSeen)
      .catch((error: unknown) => abort.signal.aborted || setGone(sentence(error)));
    return () => abort.abort();
  }, [token]);
  useEffect(() => {
    if (seen?.preset_id) void loadPresets();
  }, [seen]);
  const preset = seen?.preset_id ? find(seen.preset_id) : undefined;
  const style = preset ? nameOf(preset) : seen?.styles.join(" + ");
  return (
    <section class="page shared" aria-busy={!seen && !gone}>
      <div class="intro">
        <h1>{style ? t.share.shown(style) : t.share.shownPlain}</h1>
      </div>
      {gone !== null && <Notice tone="error">{t.share.gone}</Notice>}
      {seen && (
        <div class="stage">
          {seen.original_url ? (
            <Compare
              before={urlOf(seen.original_url)}
              after={urlOf(seen.image_url)}
              beforeAlt={t.use.before}
              afterAlt={t.use.after}
              width={seen.width}
              height={seen.height}
              busy={false}
            />
          ) : (
            <img src={urlOf(seen.image_url)} alt={t.use.after} width={seen.width} height={seen.height} />
          )}
        </div>
      )}
      <p class="row">
        <a class="button primary large" href={seen?.preset_id ? href.use(seen.preset_id) : href.make}>
          <Icon name="brush" />
          {t.share.yours}
        </a>
      </p>
    </section>
  );
}
