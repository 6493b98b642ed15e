import { useState } from "preact/hooks";
import { t } from "../../i18n";
import { curl, python } from "../../lib/code";
import { fileFor, saveBlob } from "../../lib/files";
import { hasKey } from "../../state/key";
import { announce } from "../../state/toast";
import { settings, type Photo } from "../../state/use";
import { Dialog } from "../../ui/Dialog";
import { Icon } from "../../ui/icons";

export function CodeDialog({ photo, onClose }: { photo: Photo; onClose: () => void }) {
  return (
    <Dialog title={t.use.codeTitle} onClose={onClose} wide>
      <p class="help">{t.use.codeHelp}</p>
      <Snippet name={t.use.curl} text={curl(photo, hasKey.value)} />
      <Snippet name={t.use.python} text={python(photo, hasKey.value)} />
      <div class="row">
        <button type="button" onClick={() => void fileFor(photo, settings.value.size).then((file) => saveBlob(file, photo.name))}>
          <Icon name="download" />
          {t.use.saveFile(photo.name)}
        </button>
        {photo.mask && (
          <button type="button" onClick={() => saveBlob(photo.mask!.blob, "mask.png")}>
            <Icon name="download" />
            {t.use.saveFile("mask.png")}
          </button>
        )}
      </div>
    </Dialog>
  );
}

export function Snippet({ name, text }: { name: string; text: string }) {
  const [copied, setCopied] = useState(false);
  return (
    <section class="snippet">
      <header>
        <h3>{name}</h3>
        <button
          type="button"
          aria-label={`${copied ? t.app.copied : t.app.copy}: ${name}`}
          onClick={() =>
            void copy(text).then(() => {
              setCopied(true);
              announce(t.app.copied);
            })
          }
        >
          {copied ? t.app.copied : t.app.copy}
        </button>
      </header>
      <pre tabIndex={0} role="group" aria-label={name}>
        <code>{text}</code>
      </pre>
    </section>
  );
}

/** Into the clipboard, also on plain HTTP where the modern way is closed. */
export async function copy(text: string): Promise<void> {
  if (window.isSecureContext) return navigator.clipboard.writeText(text);
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "hidden";
  (document.querySelector("dialog[open]") ?? document.body).append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}
