// The chosen pictures: crop, remove. Their order has no effect.
import { useRef, useState } from "preact/hooks";
import { t } from "../../i18n";
import { pictures, removeAt, replaceAt } from "../../state/draft";
import { Icon } from "../../ui/icons";
import { Crop } from "./Crop";

export function Examples() {
  const list = useRef<HTMLUListElement>(null);
  const [cropping, setCropping] = useState<number | null>(null);
  const all = pictures.value;
  const focus = (index: number) =>
    requestAnimationFrame(() => list.current?.querySelectorAll<HTMLElement>(".crops")[index]?.focus());
  return (
    <section aria-labelledby="examples">
      <div class="head">
        <h2 id="examples">{t.make.examples}</h2>
        <span class="count">{t.make.pictures(all.length)}</span>
      </div>
      <p class="help">{t.make.examplesHelp}</p>
      <ul class="examples" ref={list}>
        {all.map((picture, index) => (
          <li key={picture.id} class="example">
            <img src={picture.url} alt={t.make.picture(index + 1, all.length)} width={picture.width} height={picture.height} />
            <div class="tools" role="group" aria-label={t.make.picture(index + 1, all.length)}>
              <button type="button" class="crops" aria-label={t.make.crop} onClick={() => setCropping(index)}>
                <Icon name="crop" />
              </button>
              <button
                type="button"
                aria-label={t.make.remove}
                onClick={() => {
                  removeAt(index);
                  focus(Math.min(index, all.length - 2));
                }}
              >
                <Icon name="trash" />
              </button>
            </div>
          </li>
        ))}
      </ul>
      {cropping !== null && all[cropping] && (
        <Crop
          picture={all[cropping]}
          onClose={() => setCropping(null)}
          onDone={(picture) => {
            replaceAt(cropping, picture);
            setCropping(null);
          }}
        />
      )}
    </section>
  );
}
