// Nine of the same photo at once: three strengths by three sizes of strokes. The one that is chosen sets the dials.
import { useEffect, useState } from "preact/hooks";
import { t } from "../../i18n";
import { sayError } from "../../state/toast";
import { set, settings, variation, type Photo, type Settings } from "../../state/use";
import { Dialog } from "../../ui/Dialog";

const strengths = [0.6, 1, 1.3];
const strokes: Settings["strokes"][] = ["fine", "usual", "broad"];
const cells = strengths.flatMap((strength) => strokes.map((stroke) => ({ strength, strokes: stroke })));

export function Variations({ photo, onClose }: { photo: Photo; onClose: () => void }) {
  const [urls, setUrls] = useState<(string | null)[]>(cells.map(() => null));
  useEffect(() => {
    const abort = new AbortController();
    const made: string[] = [];
    void (async () => {
      for (const [index, cell] of cells.entries()) {
        const url = URL.createObjectURL(await variation(photo, cell, abort.signal));
        made.push(url);
        setUrls((now) => now.map((old, at) => (at === index ? url : old)));
      }
    })().catch((error: unknown) => abort.signal.aborted || sayError(error));
    return () => {
      abort.abort();
      made.forEach((url) => URL.revokeObjectURL(url));
    };
  }, []);
  const now = settings.value;
  const name = (cell: (typeof cells)[number]) =>
    `${t.use.strength} ${Math.round(cell.strength * 100)} %, ${t.use.strokes}: ${{ fine: t.use.strokesFine, usual: t.use.strokesUsual, broad: t.use.strokesBroad }[cell.strokes]}`;
  return (
    <Dialog title={t.variations.title} onClose={onClose} wide>
      <p class="help">{t.variations.help}</p>
      <ul class="variations">
        {cells.map((cell, index) => (
          <li key={name(cell)}>
            <button
              type="button"
              aria-label={name(cell)}
              aria-pressed={cell.strength === now.strength && cell.strokes === now.strokes}
              onClick={() => {
                set(cell);
                onClose();
              }}
            >
              <span class={urls[index] ? "thumb" : "thumb empty"}>{urls[index] && <img src={urls[index]!} alt="" />}</span>
            </button>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
