// My styles: all on the same photo.
import { useEffect, useState } from "preact/hooks";
import { t } from "../../i18n";
import { href } from "../../state/route";
import { importing, importStyles, nameOf, own, refresh, styles } from "../../state/styles";
import { Icon } from "../../ui/icons";
import { More, LoadFailed } from "../../ui/PagedList";
import { Pick } from "../../ui/Pick";
import { StyleCard } from "./StyleCard";
import { Unkept } from "./Unkept";

const MANY = 12; // from which on a search helps

export function Styles() {
  useEffect(() => void refresh(), []);
  const shown = styles.value.filter(({ status }) => ["ready", "pending", "outdated"].includes(status));
  const [text, setText] = useState("");
  const [sort, setSort] = useState<"newest" | "name">("newest");
  const many = shown.length > MANY || own.next.value !== null;
  useEffect(() => {
    if ((text || sort === "name") && own.next.value) void own.more(); // one page after the other
  }, [text, sort, own.next.value]);
  const found = shown.filter((style) => nameOf(style).toLowerCase().includes(text.trim().toLowerCase()));
  if (sort === "name") found.sort((a, b) => nameOf(a).localeCompare(nameOf(b)));
  const none = own.load.value === "done" && shown.length === 0 && !own.next.value;
  return (
    <section class="page mine">
      <div class="intro side">
        <div>
          <h1>{t.styles.title}</h1>
          {!none && <p class="lead">{t.styles.lead}</p>}
        </div>
        <div class="row">
          <Pick accept=".safetensors" multiple onFiles={(files) => void importStyles(files)}>
            <Icon name="upload" />
            {importing.value ? t.app.loading : t.styles.import}
          </Pick>
          {!none && (
            <a class="button primary" href={href.make}>
              <Icon name="plus" />
              {t.styles.make}
            </a>
          )}
        </div>
      </div>
      <LoadFailed list={own}>{t.styles.loadFailed}</LoadFailed>
      {own.load.value !== "done" && own.load.value !== "failed" && shown.length === 0 && (
        <ul class="styles" aria-busy="true" aria-label={t.app.loading}>
          {[0, 1, 2].map((index) => (
            <li key={index} class="card">
              <span class="thumb empty" />
            </li>
          ))}
        </ul>
      )}
      {none && (
        <div class="nothing">
          <Icon name="grid" />
          <p class="big">{t.styles.empty}</p>
          <p>{t.styles.emptyBody}</p>
          <a class="button primary" href={href.make}>
            {t.styles.make}
          </a>
        </div>
      )}
      <Unkept />
      {many && (
        <div class="finding">
          <label class="field">
            <span>{t.page.search}</span>
            <input type="search" value={text} onInput={(event) => setText(event.currentTarget.value)} />
          </label>
          <label class="field">
            <span>{t.page.sort}</span>
            <select value={sort} onChange={(event) => setSort(event.currentTarget.value as typeof sort)}>
              <option value="newest">{t.page.sorts.newest}</option>
              <option value="name">{t.page.sorts.name}</option>
            </select>
          </label>
        </div>
      )}
      {text && !found.length && !own.next.value && <p class="lead">{t.page.none(text)}</p>}
      {shown.length > 0 && (
        <ul class="styles">
          {found.map((style) => (
            <StyleCard key={style.id} style={style} />
          ))}
        </ul>
      )}
      <More list={own} />
    </section>
  );
}
