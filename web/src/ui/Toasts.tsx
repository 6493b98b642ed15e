import { t } from "../i18n";
import { touch } from "../lib/touch";
import { announcement, dismiss, toasts } from "../state/toast";
import { Icon } from "./icons";

export function Toasts() {
  return (
    <>
      <div class="toasts" role="region" aria-live="polite" aria-label={t.app.messages}>
        {toasts.value.map(({ id, text, kind, undo }) => (
          <div
            key={id}
            class={`toast ${kind}`}
            role={kind === "error" ? "alert" : undefined}
            onClick={() => touch.value && kind !== "error" && !undo && dismiss(id)}
          >
            <Icon name={kind === "note" ? "check" : "alert"} />
            <p>{text}</p>
            {undo && (
              <button type="button" class="undo" onClick={undo}>
                {t.learn.undo}
              </button>
            )}
            <button type="button" class="quiet square" aria-label={t.app.dismiss} onClick={() => dismiss(id)}>
              <Icon name="close" />
            </button>
          </div>
        ))}
      </div>
      <p class="hidden" aria-live="polite">
        {announcement.value}
      </p>
    </>
  );
}
