// What was learned and not kept: one answer for all of it.
import { t } from "../../i18n";
import { hide, remove, unhide } from "../../state/styles";
import { offerUndo, sayError } from "../../state/toast";
import { settled, unkept } from "../../state/unkept";
import { Notice } from "../../ui/Notice";

export function Unkept() {
  const ids = unkept.value.map(({ id }) => id);
  if (!ids.length) return null;
  return (
    <Notice
      silent
      action={
        <span class="row">
          <button type="button" onClick={() => ids.forEach(settled)}>
            {t.styles.keepUnkept}
          </button>
          <button
            type="button"
            class="quiet"
            onClick={() => {
              ids.forEach(hide);
              offerUndo(t.learn.discarded, {
                undo: () => ids.forEach(unhide),
                done: () => ids.forEach((id) => void remove(id, { leaving: true }).then(() => settled(id)).catch(sayError)),
              });
            }}
          >
            {t.learn.discard}
          </button>
        </span>
      }
    >
      {t.styles.unkept(ids.length)}
    </Notice>
  );
}
