// How the style is applied, and how the result leaves.
import { useState } from "preact/hooks";
import { t } from "../../i18n";
import { nameOf, usable } from "../../state/styles";
import { isFresh, mix, photos, renderAll, selected, set, setMask, settings, type Settings } from "../../state/use";
import { downloadAll } from "../../state/save";
import { Icon } from "../../ui/icons";
import { Segmented } from "../../ui/Segmented";
import { BlendPad } from "./BlendPad";
import { CodeDialog } from "./CodeDialog";
import { Dials } from "./Dials";
import { MaskPainter } from "./MaskPainter";
import { Variations } from "./Variations";

const sizes = [512, 768, 1024, 2048, 4096] as const;
const formats: { value: Settings["format"]; label: string }[] = [
  { value: "png", label: "PNG" },
  { value: "jpeg", label: "JPEG" },
  { value: "webp", label: "WebP" },
];

const labels: NonNullable<Settings["label"]>[] = ["none", "bottom-right", "bottom-left", "top-right", "top-left"];

const clips: { value: Settings["clip"]; label: string }[] = [
  { value: "webp", label: "WebP" },
  { value: "gif", label: "GIF" },
  { value: "apng", label: "APNG" },
];

type Opened = "code" | "variations" | null;

export function Controls() {
  const [painting, setPainting] = useState(false);
  const [open, setOpen] = useState<Opened>(null);
  const now = settings.value;
  const photo = selected.value;
  return (
    <>
      {mix.value.length > 1 && <BlendPad />}
      <section class="controls">
        <Dials />
        <label class="check">
          <input
            type="checkbox"
            role="switch"
            checked={now.keepColours}
            onChange={(event) => set({ keepColours: event.currentTarget.checked })}
          />
          <span>{t.use.keepColours}</span>
        </label>
        <div class="masking">
          {photo?.moving && <p class="help" id="mask-still">{t.use.clipNoMask}</p>}
          <div class="row">
            <button
              type="button"
              disabled={photo?.moving ?? false}
              aria-describedby={photo?.moving ? "mask-still" : undefined}
              onClick={() => setPainting(true)}
            >
              <Icon name="mask" />
              {photo?.mask ? t.use.maskEdit : t.use.mask}
            </button>
            {photo?.mask && (
              <button type="button" class="quiet" onClick={() => setMask(photo.id, null)}>
                {t.use.maskRemove}
              </button>
            )}
          </div>
          {photo?.mask && (
            <>
              <p class="help">{t.use.maskOn}</p>
              <label class="field">
                <span>{t.use.outside}</span>
                <select
                  value={now.outside ?? ""}
                  onChange={(event) => set({ outside: event.currentTarget.value || null })}
                >
                  <option value="">{t.use.outsidePhoto}</option>
                  {usable.value.map((style) => (
                    <option key={style.id} value={style.id}>
                      {nameOf(style)}
                    </option>
                  ))}
                </select>
              </label>
            </>
          )}
        </div>
        <details class="fold">
          <summary>
            <Icon name="right" />
            {t.use.file}
            <small>
              {(photo?.moving ? clips.find(({ value }) => value === now.clip)! : formats.find(({ value }) => value === now.format)!).label}, {now.size ? `${now.size} px` : t.use.full}
            </small>
          </summary>
          <div>
            {photo?.moving ? (
              <Segmented legend={t.use.clip} name="clip" value={now.clip} onChange={(clip) => set({ clip })} options={clips} />
            ) : (
              <Segmented
                legend={t.use.format}
                name="format"
                value={now.format}
                onChange={(format) => set({ format })}
                options={formats}
              />
            )}
            <label class="field">
              <span>{t.use.size}</span>
              <select value={now.size ?? ""} onChange={(event) => set({ size: Number(event.currentTarget.value) || null })}>
                <option value="">{t.use.full}</option>
                {sizes.map((size) => (
                  <option key={size} value={size}>
                    {size} px
                  </option>
                ))}
              </select>
            </label>
            <label class="field">
              <span>{t.use.label}</span>
              <select
                value={now.label ?? ""}
                aria-describedby="label-help"
                onChange={(event) => set({ label: (event.currentTarget.value || null) as Settings["label"] })}
              >
                <option value="">{t.use.labelUsual}</option>
                {labels.map((place) => (
                  <option key={place} value={place}>
                    {t.use.labels[place]}
                  </option>
                ))}
              </select>
            </label>
            <p class="help" id="label-help">{t.use.labelHelp}</p>
          </div>
        </details>
      </section>
      <Leaving onOpen={setOpen} />
      {painting && photo && <MaskPainter photo={photo} onClose={() => setPainting(false)} />}
      {open === "code" && photo && <CodeDialog photo={photo} onClose={() => setOpen(null)} />}
      {open === "variations" && photo && <Variations photo={photo} onClose={() => setOpen(null)} />}
    </>
  );
}

function Leaving({ onOpen }: { onOpen: (what: Opened) => void }) {
  const [busy, setBusy] = useState(false);
  const photo = selected.value;
  const all = photos.value;
  const done = all.filter(isFresh).length;
  const none = !photo || !isFresh(photo);
  async function everything() {
    setBusy(true);
    try {
      if (done === all.length) await downloadAll();
      else await renderAll();
    } finally {
      setBusy(false);
    }
  }
  return (
    <section class="leaving">
      {all.length > 1 && (
        <button type="button" disabled={busy} aria-busy={busy} onClick={() => void everything()}>
          {done === all.length
            ? t.use.downloadAll(all.length)
            : busy
              ? t.use.renderingAll(done, all.length)
              : t.use.renderAll(all.length)}
        </button>
      )}
      <button type="button" disabled={none} onClick={() => onOpen("variations")}>
        <Icon name="grid" />
        {t.variations.title}
      </button>
      <button type="button" class="quiet" onClick={() => onOpen("code")}>
        <Icon name="code" />
        {t.use.code}
      </button>
    </section>
  );
}
