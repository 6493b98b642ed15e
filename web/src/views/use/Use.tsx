// Use a style: photos, the one in view, the controls.
import { useEffect, useState } from "preact/hooks";
import { t } from "../../i18n";
import { photos as samples } from "../../lib/samples";
import { touch } from "../../lib/touch";
import { dragging } from "../../state/intake";
import { restored } from "../../state/keep";
import { loadPresets } from "../../state/presets";
import { route } from "../../state/route";
import { fetchStyle, find, refresh } from "../../state/styles";
import { say, sayError } from "../../state/toast";
import { many } from "../../state/many";
import { addPhotos, bring, mix, photos, setMix } from "../../state/use";
import { ApiError } from "../../api/http";
import { Icon } from "../../ui/icons";
import { Pick } from "../../ui/Pick";
import { Controls } from "./Controls";
import { Filmstrip } from "./Filmstrip";
import { Folder, Many } from "./Many";
import { Stage } from "./Stage";
import { StylePicker } from "./StylePicker";

export function Use() {
  const asked = route.value.view === "use" ? route.value.styles.join(",") : "";
  useEffect(() => void refresh(), []);
  useEffect(() => {
    if (asked) void choose(asked.split(","));
  }, [asked]);
  const some = photos.value.length > 0;
  const lent = photos.value.some((photo) => photo.lent);
  const several = many.value.length > 0;
  return (
    <section class={some ? "page use chosen" : "page use"}>
      <div class="intro">
        <h1>{t.use.title}</h1>
        {!some && <p class="lead">{touch.value ? t.use.leadTouch : t.use.lead}</p>}
      </div>
      <div class="columns">
        <div class="table">
          {some && <Stage />}
          {some && !lent && <Filmstrip />}
          {several ? <Many /> : some ? lent && <Bring /> : <Empty />}
        </div>
        <div class="panel">
          <StylePicker />
          {some && mix.value.length > 0 && <Controls />}
        </div>
      </div>
    </section>
  );
}

/** The styles of the address; those that are not there any more are said and left out. */
async function choose(ids: string[]): Promise<void> {
  const found: string[] = [];
  await Promise.all([restored, loadPresets()]);
  for (const id of ids) {
    try {
      const style = find(id) ?? (await fetchStyle(id));
      if (style.status === "ready") found.push(id);
      else say(t.errors.byCode[style.status === "outdated" ? "style_base_mismatch" : "style_not_ready"]!, "error");
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) say(t.use.gone, "error");
      else sayError(error);
    }
  }
  if (found.length && found.join() === mix.value.map(({ id }) => id).join()) return; // as it was left: the shares stay
  if (found.length) setMix(found.map((id) => ({ id, weight: 1 })));
}

function Empty() {
  return (
    <div class={dragging.value ? "dropzone over" : "dropzone"}>
      <Icon name="image" />
      <p class="big">{dragging.value ? t.make.dropHere : touch.value ? t.use.emptyTouch : t.use.empty}</p>
      <p>{touch.value ? t.use.hintTouch : t.use.hint}</p>
      <Own />
      <p class="or">{t.use.sample}</p>
      <Samples />
    </div>
  );
}

/** Under a photo that is ours: room for theirs. */
function Bring() {
  return (
    <div class={dragging.value ? "dropzone slim over" : "dropzone slim"}>
      <p>
        <strong>{dragging.value ? t.make.dropHere : touch.value ? t.use.bringTouch : t.use.bring}</strong> {t.use.lent}
      </p>
      <Own />
      <Samples />
    </div>
  );
}

function Own() {
  return (
    <div class="row">
      <Pick class="primary" multiple archives onFiles={(files) => void bring(files)}>
        {t.use.choose}
      </Pick>
      {!touch.value && <Folder />}
    </div>
  );
}

function Samples() {
  const [asked, setAsked] = useState<string | null>(null);
  return (
    <div class="tiles">
      {samples.map(({ name, url, tile }) => (
        <button
          key={name}
          type="button"
          class="tile"
          aria-label={t.make.photos[name]}
          aria-busy={asked === name}
          onClick={() => {
            setAsked(name);
            void addPhotos([url]).finally(() => setAsked(null));
          }}
        >
          <img src={tile} alt="" width="72" height="72" fetchPriority="low" />
        </button>
      ))}
    </div>
  );
}
