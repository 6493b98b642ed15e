// The photo on which the learning is watched.
import { t } from "../../i18n";
import { readPicture } from "../../lib/files";
import { photos } from "../../lib/samples";
import { watched } from "../../state/draft";
import { sayError } from "../../state/toast";
import { Icon } from "../../ui/icons";
import { Pick } from "../../ui/Pick";

export function Watched() {
  const now = watched.value;
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
