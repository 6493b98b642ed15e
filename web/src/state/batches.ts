// Batches: many photos as one job of the service, sent as a ZIP, drawn when nobody waits for anything, fetched as a ZIP.
import { Zip, ZipPassThrough } from "fflate";
import { call, upload, type Batch, type Model } from "../api/client";
import { TERMINAL } from "../api/events";
import { send } from "../api/http";
import { t } from "../i18n";
import { saveBlob } from "../lib/files";
import { pathOf } from "../lib/folders";
import { pause } from "../lib/time";
import { loadModel, model } from "./draft";
import { many, sending, zipped } from "./many";
import { pagedList } from "./paged_list";
import { untilAccepted } from "./queue";
import { go, href } from "./route";
import { styledName } from "./save";
import { announce, sayError } from "./toast";
import { fieldsOf } from "./use";

const LOOK = 2000; // ms between two looks how far they are
const ENTRY = 2048; // bytes that an archive needs for a file beside it, at most

/** Each reading announces when a batch has ended since the last one. */
export const batches = pagedList<Batch>(async (after) => {
  const page = await call("get", "/v1/batches", { query: { limit: 20, after } });
  const open = batches.items.value.filter((batch) => !isOver(batch)).map(({ id }) => id);
  if (page.items.some((batch) => isOver(batch) && open.includes(batch.id))) announce(t.batches.over);
  return page;
});

export const isOver = ({ job }: Batch) => TERMINAL.includes(job.state);

/** Send what was gathered, in the style and with the settings as they are: as one batch, or as several where one would
 * be too large. What was sent is not sent again. */
export async function sendMany(): Promise<void> {
  const abort = new AbortController();
  const { signal } = abort;
  sending.value = { share: 0, abort };
  try {
    if (!model.value) await loadModel();
    const fields = fieldsOf({ mask: null, moving: false });
    const whole = sizeOf(many.value);
    for (const files of parcels(many.value, model.value)) {
      const photos = { blob: zipped(files[0]!) ? files[0]! : await zipOf(files, signal), name: "photos.zip" };
      const before = whole - sizeOf(many.value);
      const onProgress = (part: number) => (sending.value = { share: (before + part * sizeOf(files)) / whole, abort });
      await untilAccepted(() => upload("/v1/batches", { ...fields, photos }, { signal, onProgress }), signal);
      many.value = many.value.filter((file) => !files.includes(file));
    }
    go(href.batches);
  } catch (error) {
    sayError(error);
  } finally {
    sending.value = null;
  }
}

const sizeOf = (files: readonly File[]) => files.reduce((sum, { size }) => sum + size, 0);

/** Each archive alone, and the photos in as few as the service takes. */
function parcels(files: readonly File[], limits: Model | null): File[][] {
  const found = files.filter(zipped).map((archive) => [archive]);
  let last: File[] | null = null;
  let bytes = 0;
  for (const file of files.filter((one) => !zipped(one))) {
    const size = file.size + ENTRY;
    if (!last || (limits && (last.length >= limits.max_archive_photos || bytes + size > limits.max_archive_bytes))) {
      found.push((last = []));
      bytes = 0;
    }
    last.push(file);
    bytes += size;
  }
  return found;
}

/** Stored, not packed: photos do not get smaller. What is zipped is a blob at once, which the browser keeps on disk. */
async function zipOf(files: File[], signal: AbortSignal): Promise<Blob> {
  const parts: Blob[] = [];
  const zip = new Zip((error, bytes) => {
    if (error) throw error;
    parts.push(new Blob([bytes as Uint8Array<ArrayBuffer>]));
  });
  const taken = new Set<string>();
  for (const file of files) {
    signal.throwIfAborted();
    const path = pathOf(file);
    let name = path;
    for (let n = 2; taken.has(name); n++) name = path.replace(/(\.\w+)?$/, `-${n}$1`);
    taken.add(name);
    const entry = new ZipPassThrough(name);
    zip.add(entry);
    entry.push(new Uint8Array(await file.arrayBuffer()), true);
  }
  zip.end();
  return new Blob(parts);
}

/** Read them now, and again as long as one of them is not over; the answer ends it. */
export function watch(): () => void {
  const abort = new AbortController();
  void (async () => {
    await batches.refresh();
    while (!abort.signal.aborted) {
      await pause(LOOK, abort.signal);
      if (!abort.signal.aborted && !document.hidden && batches.items.value.some((batch) => !isOver(batch))) await batches.refresh();
    }
  })();
  return () => abort.abort();
}

/** Stop it; what is done can be fetched. */
export async function stop({ job }: Batch): Promise<void> {
  await call("post", "/v1/jobs/{job_id}/cancel", { path: { job_id: job.id } });
  await batches.refresh();
}

/** Draw what is missing of one that was stopped, or did not come to its end. */
export async function goOn({ job }: Batch): Promise<void> {
  await call("post", "/v1/jobs/{job_id}/retry", { path: { job_id: job.id } });
  await batches.refresh();
}

export async function download({ id, styles }: Batch): Promise<void> {
  const archive = await (await send(`/v1/batches/${id}/zip`)).blob();
  saveBlob(archive, styledName("photos.zip", styles.map((style) => style.id), "application/zip"));
}

/** It goes with its photos and its pictures. */
export async function forget({ id }: Batch): Promise<void> {
  await call("delete", "/v1/batches/{batch_id}", { path: { batch_id: id } });
  batches.drop(id);
}
