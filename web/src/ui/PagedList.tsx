// What every list has that is read page by page: the next page, and what is said when reading fails.
import type { ComponentChildren } from "preact";
import { t } from "../i18n";
import type { PagedList } from "../state/paged_list";
import { Notice } from "./Notice";

/** Says that the list could not be read, when that is so, and reads it again. */
export function LoadFailed({ list, children }: { list: PagedList; children: ComponentChildren }) {
  if (list.load.value !== "failed") return null;
  const again = (
    <button type="button" onClick={() => void list.refresh()}>
      {t.app.retry}
    </button>
  );
  return (
    <Notice tone="error" action={again}>
      {children}
    </Notice>
  );
}

/** Reads the next page, where there is one. */
export function More({ list, quiet = false }: { list: PagedList; quiet?: boolean }) {
  if (list.next.value === null) return null;
  return (
    <button type="button" class={quiet ? "quiet" : undefined} onClick={() => void list.more()}>
      {t.app.more}
    </button>
  );
}
