// The learned style gets a name, or goes.
import { useEffect, useState } from "preact/hooks";
import { t } from "../../i18n";
import { apart } from "../../lib/apart";
import { bestOf, clearSubmitted, leave, suggestedName, type Learning } from "../../state/learning";
import { go, href } from "../../state/route";
import { hide, nameOf, remove, rename, styles, unhide } from "../../state/styles";
import { settled } from "../../state/unkept";
import { offerUndo, say, sayError } from "../../state/toast";

const VISIBLE = 8; // of 256 levels: less is not seen as a change
const WORTH = 10; // %: less is no news

export function Keep({ now }: { now: Learning }) {
  const style = styles.value.find((one) => one.id === now.styleId);
  const [name, setName] = useState(style?.name ?? suggestedName());
  const [busy, setBusy] = useState(false);
  const first = now.curve[0];
  const best = bestOf(now.curve);
  const closer = first && best ? Math.round((1 - best.total / first.total) * 100) : 0;

  const [from, to] = [now.previews.find(({ step }) => step === 0)?.url, now.previews.at(-1)?.url];
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    if (from && to) void apart(from, to).then((levels) => setSeen(levels >= VISIBLE));
  }, [from, to]);

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
          settled(id);
          say(t.learn.keptAs(chosen || nameOf(style)));
          clearSubmitted();
          leave();
          go(href.use(id));
        });
      }}
    >
      <p class="status">{t.learn.ready}</p>
      {closer >= WORTH && seen ? (
        <p class="help">{t.learn.closer(closer)}</p>
      ) : (
        best && best.step < now.steps && <p class="help">{t.learn.best(best === first ? 0 : best.step)}</p>
      )}
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
          onClick={() => {
            const { styleId, jobId } = now;
            leave();
            hide(styleId!);
            go(href.make);
            offerUndo(t.learn.discarded, {
              undo: () => {
                unhide(styleId!);
                go(href.learning(jobId));
              },
              done: () => void remove(styleId!, { leaving: true }).catch(sayError),
            });
          }}
        >
          {t.learn.discard}
        </button>
      </div>
    </form>
  );
}
