// One style, or up to four.
import { t } from "../../i18n";
import { href } from "../../state/route";
import { load, nameOf, nextPage, ready, refresh } from "../../state/styles";
import { mix, toggleStyle } from "../../state/use";
import { Notice } from "../../ui/Notice";
import { Thumb } from "../../ui/Thumb";

export function StylePicker() {
  const chosen = new Set(mix.value.map(({ id }) => id));
  return (
    <section class="picker" aria-labelledby="styles">
      <h2 id="styles">{t.use.styles}</h2>
      {(load.value !== "done" || ready.value.length > 0) && load.value !== "failed" && <p class="help">{t.use.stylesHelp}</p>}
      {load.value === "failed" ? (
        <Notice
          tone="error"
          action={
            <button type="button" onClick={() => void refresh()}>
              {t.app.retry}
            </button>
          }
        >
          {t.styles.loadFailed}
        </Notice>
      ) : load.value !== "done" ? (
        <ul class="styles small" aria-busy="true" aria-label={t.app.loading}>
          {[0, 1, 2].map((index) => (
            <li key={index}>
              <span class="thumb empty" />
            </li>
          ))}
        </ul>
      ) : ready.value.length === 0 && !nextPage.value ? (
        <div class="nothing">
          <p>{t.use.noStyles}</p>
          <a class="button primary" href={href.make}>
            {t.use.makeOne}
          </a>
        </div>
      ) : (
        <>
          <ul class="styles small">
            {ready.value.map((style) => (
              <li key={style.id}>
                <button type="button" aria-pressed={chosen.has(style.id)} onClick={() => toggleStyle(style.id)}>
                  <Thumb style={style} alt="" />
                  <span class="name">{nameOf(style)}</span>
                </button>
              </li>
            ))}
          </ul>
          {nextPage.value && (
            <button type="button" class="quiet" onClick={() => void refresh({ more: true })}>
              {t.styles.loadMore}
            </button>
          )}
        </>
      )}
    </section>
  );
}
