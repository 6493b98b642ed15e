// What the first page offers before anything is taught: the ready styles, and a photo in one of them, large.
import { t } from "../../i18n";
import { artOf, hero } from "../../lib/presets";
import { href } from "../../state/route";
import { offered } from "../../state/presets";
import { nameOf } from "../../state/styles";

/** Before and after; the line between them moves by itself, unless the reader wants no movement. */
export function Hero() {
  return (
    <figure class="hero" role="img" aria-label={t.gallery.heroAlt}>
      <img src={hero.before} alt="" width={hero.width} height={hero.height} />
      <img class="after" src={hero.after} alt="" width={hero.width} height={hero.height} />
      <i aria-hidden="true" />
    </figure>
  );
}

/** A card for each ready style: one click, and a photo is in it. */
export function Gallery() {
  if (!offered.value.length) return null;
  return (
    <section class="gallery" aria-labelledby="gallery">
      <div class="head">
        <h2 id="gallery">{t.gallery.title}</h2>
        <p class="help">
          {t.gallery.help} <a href={href.music}>{t.music.offer}</a>
        </p>
      </div>
      <ul>
        {offered.value.map((style) => {
          const art = artOf(style.preset!.slug);
          return (
            <li key={style.id}>
              <a href={href.use(style.id)}>
                <span class="thumb">
                  {art && <img src={art.shown} alt="" width="384" height="256" loading="lazy" />}
                  {art && <img class="work" src={art.work} alt="" width="200" height="200" loading="lazy" />}
                </span>
                <strong>{nameOf(style)}</strong>
                <small>{t.presets[style.preset!.slug]?.artist ?? style.preset!.artist}</small>
              </a>
            </li>
          );
        })}
      </ul>
    </section>
  );
}
