// The two ways that a result goes: in reach wherever the page is scrolled to.
import { useState } from "preact/hooks";
import { t } from "../../i18n";
import { download, fileOf } from "../../state/save";
import { isFresh, mix, selected } from "../../state/use";
import { Icon } from "../../ui/icons";
import { ShareDialog } from "./ShareDialog";

export function Taking() {
  const [sharing, setSharing] = useState(false);
  const photo = selected.value;
  if (!photo || !mix.value.length) return null;
  const none = !isFresh(photo);
  return (
    <div class="taking">
      <button type="button" class="primary large" disabled={none} onClick={() => download(photo)}>
        <Icon name="download" />
        {t.use.download}
      </button>
      <button type="button" class="large" disabled={none} onClick={() => setSharing(true)}>
        <Icon name="share" />
        {t.share.action}
      </button>
      {sharing && photo.result && <ShareDialog image={photo.result.image} file={fileOf(photo)} onClose={() => setSharing(false)} />}
    </div>
  );
}
