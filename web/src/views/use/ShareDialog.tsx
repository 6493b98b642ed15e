// Showing a result to others: the picture itself, or a page with before and after.
import { useState } from "preact/hooks";
import { t } from "../../i18n";
import { endShare, passOn, passesOn, shareImage } from "../../state/share";
import { announce, say, sayError } from "../../state/toast";
import { Dialog } from "../../ui/Dialog";
import { Icon } from "../../ui/icons";
import { copy } from "./CodeDialog";

interface Props {
  image: string; // its id at the service
  file: File;
  onClose: () => void;
}

export function ShareDialog({ image, file, onClose }: Props) {
  const [link, setLink] = useState<string | null>(null);
  const [copied, setCopied] = useState(false);
  const [busy, setBusy] = useState(false);
  async function act(work: () => Promise<void>) {
    setBusy(true);
    await work().catch(sayError);
    setBusy(false);
  }
  /** Said in the dialog: a message at the edge of the page lies under its veil. */
  async function take(url: string): Promise<void> {
    await copy(url);
    setCopied(true);
    announce(t.share.copied);
  }
  return (
    <Dialog title={t.share.title} onClose={onClose}>
      {passesOn(file) && (
        <button type="button" class="primary large" disabled={busy} onClick={() => void act(async () => void ((await passOn(file, file.name)) && onClose()))}>
          <Icon name="share" />
          {t.share.picture}
        </button>
      )}
      <p class="help">{t.share.help}</p>
      {link === null ? (
        <button
          type="button"
          class={passesOn(file) ? "large" : "primary large"}
          disabled={busy}
          aria-busy={busy}
          onClick={() =>
            void act(async () => {
              const url = await shareImage(image);
              setLink(url);
              await take(url).catch(() => undefined); // it can be copied by hand
            })
          }
        >
          <Icon name="link" />
          {t.share.page}
        </button>
      ) : (
        <>
          <label class="field">
            <span>{t.share.link}</span>
            <input readOnly value={link} onFocus={(event) => event.currentTarget.select()} />
          </label>
          <div class="row">
            <button type="button" onClick={() => void act(() => take(link))}>
              {copied && <Icon name="check" />}
              {copied ? t.app.copied : t.app.copy}
            </button>
            <button
              type="button"
              class="danger"
              disabled={busy}
              onClick={() =>
                void act(async () => {
                  await endShare(image);
                  setLink(null);
                  setCopied(false);
                  say(t.share.ended);
                })
              }
            >
              {t.share.end}
            </button>
          </div>
        </>
      )}
    </Dialog>
  );
}
