// All photos, with what has become of them.
import { t } from "../../i18n";
import { bring, isFresh, photos, removePhoto, selectedId } from "../../state/use";
import { Icon } from "../../ui/icons";
import { Pick } from "../../ui/Pick";

export function Filmstrip() {
  const all = photos.value;
  return (
    <ul class="filmstrip" aria-label={t.use.photos}>
      {all.map((photo, index) => (
        <li key={photo.id} class={photo.status}>
          <button
            type="button"
            aria-pressed={photo.id === selectedId.value}
            aria-label={`${t.use.photo(index + 1, all.length)}${photo.status === "rendering" ? `, ${t.use.rendering}` : photo.result && !isFresh(photo) ? `, ${t.use.stale}` : ""}`}
            onClick={() => (selectedId.value = photo.id)}
          >
            <img src={photo.result?.url ?? photo.url} alt="" width={photo.width} height={photo.height} />
            {photo.result && !isFresh(photo) && <i class="dot" aria-hidden="true" />}
          </button>
          <button
            type="button"
            class="remove"
            aria-label={`${t.use.removePhoto}: ${t.use.photo(index + 1, all.length)}`}
            onClick={() => removePhoto(photo.id)}
          >
            <Icon name="close" />
          </button>
        </li>
      ))}
      <li>
        <Pick class="tile add" multiple archives label={t.use.more} onFiles={(files) => void bring(files)}>
          <Icon name="plus" />
        </Pick>
      </li>
    </ul>
  );
}
