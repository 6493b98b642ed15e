// One style, or up to four: those that come with the service, and one's own.
import { useState } from "preact/hooks";
import { t } from "../../i18n";
import { href } from "../../state/route";
import { known, offered, type Face } from "../../state/presets";
import { find, hadOwn, nameOf, own, ready, usable } from "../../state/styles";
import { blend, blending, mix, selected, toggleStyle } from "../../state/use";
import { More, LoadFailed } from "../../ui/PagedList";
import { Thumb } from "../../ui/Thumb";

export function StylePicker() {
  const none = own.load.value === "done" && known.value && usable.value.length === 0 && !own.next.value;
  const [ownFirst] = useState(() => ready.value.length > 0 || hadOwn()); // what is drawn does not change places
  return (
    <section class="picker" aria-labelledby="styles">
      <h2 id="styles">{t.use.styles}</h2>
      {ownFirst && <Own none={none} />}
      {offered.value.length > 0 && (
        <>
          <h3 id="ready-styles">{t.gallery.title}</h3>
          <Choice styles={offered.value} label="ready-styles" whole />
        </>
      )}
      {!ownFirst && <Own none={none} />}
      {!none && (
        <label class="check">
          <input type="checkbox" role="switch" checked={blending.value} onChange={(event) => blend(event.currentTarget.checked)} />
          <span>{t.use.blendSeveral}</span>
        </label>
      )}
      {mix.value.length === 1 && find(mix.value[0]!.id) && (
        <a class="about" href={href.style(mix.value[0]!.id)}>
          {t.use.about(nameOf(find(mix.value[0]!.id)))}
        </a>
      )}
    </section>
  );
}

/** One's own: before the ready ones where there are any. */
function Own({ none }: { none: boolean }) {
  return (
    <>
      {offered.value.length > 0 && <h3 id="own-styles">{t.styles.title}</h3>}
      {own.load.value === "failed" ? (
        <LoadFailed list={own}>{t.styles.loadFailed}</LoadFailed>
      ) : own.load.value !== "done" ? (
        <Room count={3} />
      ) : ready.value.length === 0 && !own.next.value ? (
        <div class="nothing">
          <p>{none ? t.use.noStyles : t.use.noOwn}</p>
          <a class={none ? "button primary" : "button"} href={href.make}>
            {t.use.makeOne}
          </a>
        </div>
      ) : (
        <>
          <Choice styles={ready.value} label={offered.value.length ? "own-styles" : "styles"} />
          <More list={own} quiet />
        </>
      )}
    </>
  );
}

function Room({ count }: { count: number }) {
  return (
    <ul class="styles small whole" aria-busy="true" aria-label={t.app.loading}>
      {Array.from({ length: count }, (_, index) => (
        <li key={index}>
          <span class="thumb empty" />
          <span class="name">&nbsp;</span>
        </li>
      ))}
    </ul>
  );
}

function Choice({ styles, label, whole = false }: { styles: Face[]; label: string; whole?: boolean }) {
  const chosen = new Set(mix.value.map(({ id }) => id));
  const photo = selected.value?.lent ? null : selected.value;
  return (
    <ul class={whole ? "styles small whole" : "styles small"} aria-labelledby={label}>
      {styles.map((style) => (
        <li key={style.id}>
          <button type="button" aria-pressed={chosen.has(style.id)} onClick={() => toggleStyle(style.id)}>
            <Thumb style={style} alt="" photo={photo} small />
            <span class="name">{nameOf(style)}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}
