// The learned style gets a name, or goes.
import { useState } from "preact/hooks";
import { t } from "../../i18n";
import { bestOf, clearSubmitted, leave, type Learning } from "../../state/learning";
import { go, href } from "../../state/route";
import { nameOf, remove, rename, styles } from "../../state/styles";
import { say, sayError } from "../../state/toast";

export function Keep({ now }: { now: Learning }) {
  const style = styles.value.find((one) => one.id === now.styleId);
  const [name, setName] = useState(style?.name ?? "");
  const [busy, setBusy] = useState(false);
  const first = now.curve[0];
  const best = bestOf(now.curve);
  const closer = first && best ? Math.round((1 - best.total / first.total) * 100) : 0;

  async function act(work: () => Promise<void>) {
    setBusy(true);
    try {
      await work();
    } catch (error) {
      sayError(error);
      setBusy(false);
    }
  }

  return (
    <form
      class="keep"
      onSubmit={(event) => {
        event.preventDefault();
        void act(async () => {
          const id = now.styleId!;
          const chosen = name.trim();
          if (chosen) await rename(id, chosen);
          say(t.learn.keptAs(chosen || nameOf(style)));
          clearSubmitted();
          leave();
          go(href.use(id));
        });
      }}
    >
      {closer > 0 && <p class="status">{t.learn.closer(closer)}</p>}
      {best && best.step < now.steps && <p class="help">{t.learn.best(best === first ? 0 : best.step)}</p>}
      <label class="field">
        <span>{t.learn.name}</span>
        <input
          maxLength={200}
          value={name}
          placeholder={t.learn.namePlaceholder}
          onInput={(event) => setName(event.currentTarget.value)}
        />
      </label>
      <div class="row">
        <button type="submit" class="primary" disabled={busy}>
          {t.learn.keep}
        </button>
        <button
          type="button"
          class="quiet"
          disabled={busy}
          onClick={() =>
            void act(async () => {
              await remove(now.styleId!);
              say(t.learn.discarded);
              leave();
              go(href.make);
            })
          }
        >
          {t.learn.discard}
        </button>
      </div>
    </form>
  );
}
