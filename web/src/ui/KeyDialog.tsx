import { useState } from "preact/hooks";
import { t } from "../i18n";
import { decline, forget, give, hasKey, question } from "../state/key";
import { Dialog } from "./Dialog";
import { Notice } from "./Notice";

export function KeyDialog() {
  const [value, setValue] = useState("");
  const [remember, setRemember] = useState(false);
  const [missing, setMissing] = useState(false);
  const refused = question.value?.refused ?? false;
  return (
    <Dialog title={t.key.title} onClose={decline}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (value.trim()) give(value, remember);
          else setMissing(true);
        }}
      >
        {refused ? <Notice tone="error">{t.key.refused}</Notice> : <p>{t.key.body}</p>}
        <label class="field">
          <span>{t.key.label}</span>
          <input
            type="password"
            autofocus
            autocomplete="off"
            spellcheck={false}
            value={value}
            aria-invalid={missing}
            aria-describedby={missing ? "key-missing" : undefined}
            onInput={(event) => setValue(event.currentTarget.value)}
          />
        </label>
        {missing && (
          <p class="wrong" id="key-missing" role="alert">
            {t.key.empty}
          </p>
        )}
        <label class="check">
          <input type="checkbox" checked={remember} onChange={(event) => setRemember(event.currentTarget.checked)} />
          <span>
            {t.key.remember} <small>{t.key.memory}</small>
          </span>
        </label>
        <footer>
          {hasKey.value && (
            <button
              type="button"
              class="quiet"
              onClick={() => {
                forget();
                decline();
              }}
            >
              {t.key.forget}
            </button>
          )}
          <button type="submit" class="primary">
            {t.key.submit}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
