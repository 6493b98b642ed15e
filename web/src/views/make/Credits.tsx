// Whose the pictures are: it stays with the style, in its file too.
import { t } from "../../i18n";
import { credits } from "../../state/draft";
import { Icon } from "../../ui/icons";

export function Credits() {
  const now = credits.value;
  return (
    <details class="fold">
      <summary>
        <Icon name="right" />
        {t.make.credits}
        <small>{now.rights}</small>
      </summary>
      <div>
        <p class="help">{t.make.creditsHelp}</p>
        <label class="field">
          <span>{t.make.rights}</span>
          <input
            maxLength={500}
            value={now.rights}
            placeholder={t.make.rightsExample}
            onInput={(event) => (credits.value = { ...now, rights: event.currentTarget.value })}
          />
        </label>
        <label class="field">
          <span>{t.make.licence}</span>
          <input
            maxLength={200}
            value={now.licence}
            placeholder="CC BY 4.0"
            onInput={(event) => (credits.value = { ...now, licence: event.currentTarget.value })}
          />
        </label>
      </div>
    </details>
  );
}
