// The photo on which the learning is watched.
import { useEffect } from "preact/hooks";
import { t } from "../../i18n";
import { readPicture } from "../../lib/files";
import { photos } from "../../lib/samples";
import { watched } from "../../state/draft";
import { sayError } from "../../state/toast";
import * as use from "../../state/use";
import { Icon } from "../../ui/icons";
import { Pick } from "../../ui/Pick";

let offered = false; // once: what was chosen instead stays

/** Who brought a photo to put in a style wants to see that one. */
async function offerOwn(): Promise<void> {
  const photo = use.selected.value;
  if (offered || !photo || photo.lent || watched.value !== 0) return;
  offered = true;
  try {
    watched.value = await readPicture(photo.blob, photo.name, { still: true }); // of its own: that photo may go
  } catch {
    // the sample stays
  }
}

export function Watched() {
  const now = watched.value;
  useEffect(() => void offerOwn(), []);
  return (
    <fieldset class="watched">
      <legend>{t.make.preview}</legend>
      <p class="help">{t.make.previewHelp}</p>
      <div class="tiles">
        {photos.map(({ name, tile }, index) => (
          <label key={name}>
            <input type="radio" name="watched" checked={now === index} onChange={() => (watched.value = index)} />
            <img src={tile} alt={t.make.photos[name]} width="72" height="72" />
          </label>
        ))}
        {typeof now !== "number" && (
          <label>
            <input type="radio" name="watched" checked />
            <img src={now.url} alt={t.make.own} width="72" height="72" />
          </label>
        )}
        <Pick class="tile" label={t.make.own} onFiles={(files) => void own(files[0]!)}>
          <Icon name="plus" />
        </Pick>
      </div>
    </fieldset>
  );
}

async function own(file: File): Promise<void> {
  try {
    watched.value = await readPicture(file, file.name);
  } catch (error) {
    sayError(error);
  }
}
