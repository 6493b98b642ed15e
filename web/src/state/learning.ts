// The style that is being learned: submitted, followed, found again after a reload.
import { signal } from "@preact/signals";
import { call, upload, type Job, type JobState } from "../api/client";
import { followJob, TERMINAL, type JobEvent } from "../api/events";
import { ApiError } from "../api/http";
import { t } from "../i18n";
import type { Picture } from "../lib/files";
import * as draft from "./draft";
import { hasWorker } from "./net";
import { untilAccepted, untilAnswered } from "./queue";
import { go, href } from "./route";
import { fetchStyle, find } from "./styles";
import { keepStrip } from "./strips";
import { learned } from "./unkept";
import { announce, explain, sayError, sayRefusal, sentence } from "./toast";

export interface Point {
  step: number;
  total: number; // 1 at the zero-step style, and less where the style came closer
}

export interface Learning {
  jobId: string;
  styleId: string | null;
  state: JobState;
  attempt: number;
  step: number;
  steps: number;
  curve: Point[];
  previews: { step: number; url: string }[];
  startedAt: number | null; // ms since the epoch, of this machine's clock
  pace: { step: number; at: number; seen: number } | null; // from which step on, and when, it is measured
  endedAt: number | null;
  error: string | null;
  live: boolean;
  noWorker: boolean;
}

export const learning = signal<Learning | null>(null);
/** Fraction of the upload that has left; null while nothing is uploaded. */
export const uploading = signal<number | null>(null);

const AT_ONCE = 50; // ms between events that were made before and are sent now

let submitting: AbortController | null = null;
let submitted: { jobId: string; pictures: Picture[]; suggestion: string } | null = null;
let following: AbortController | null = null;

export function over(now: Learning): boolean {
  return TERMINAL.includes(now.state);
}

/** Where the total was least: that step is kept in the end. Steps between two judgements repeat the former. */
export function bestOf(curve: Point[]): Point | null {
  return curve.reduce<Point | null>((best, point) => (best && !(point.total < best.total) ? best : point), null);
}

/** Upload the draft and follow its job. */
export async function start(): Promise<void> {
  const abort = (submitting = new AbortController());
  uploading.value = 0;
  try {
    const pictures = draft.pictures.value;
    const watched = await draft.watchedPicture();
    const rights = draft.credits.value.rights.trim();
    const licence = draft.credits.value.licence.trim();
    const answer = await untilAccepted(
      () =>
        upload(
          "/v1/styles",
          {
            examples: pictures.map(({ blob, name }) => ({ blob, name })),
            contents: { blob: watched.blob, name: watched.name },
            steps: draft.stepsOf(draft.effort.value),
            ...(rights && { rights }),
            ...(licence && { licence }),
          },
          { signal: abort.signal, onProgress: (fraction) => (uploading.value = fraction) },
        ),
      abort.signal,
    );
    submitted = { jobId: answer.job.id, pictures, suggestion: draft.suggestion.value };
    void keepStrip(answer.style.id, pictures).catch(() => undefined); // made from the service's copies, then
    begin(answer.job);
    go(href.learning(answer.job.id));
  } catch (error) {
    sayRefusal(error, draft.pictures.value.map(({ name }) => name));
  } finally {
    uploading.value = null;
    submitting = null;
  }
}

export function stopSubmitting(): void {
  submitting?.abort();
}

/** Show the job of the address, as soon as the service answers. Raises ApiError, AbortError. */
export async function resume(jobId: string, signal: AbortSignal): Promise<void> {
  try {
    const job = await read(jobId, signal);
    if (!signal.aborted) begin(job);
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 404)) throw error;
    learning.value = { ...blank(jobId), state: "failed", error: t.learn.gone };
  }
}

function read(jobId: string, signal: AbortSignal): Promise<Job> {
  return untilAnswered(() => call("get", "/v1/jobs/{job_id}", { path: { job_id: jobId }, signal }), signal);
}

/** After a reload without an address: is something being learned? */
export async function findRunning(): Promise<void> {
  if (learning.value) return;
  try {
    const page = await call("get", "/v1/jobs", { query: { state: ["queued", "running"], limit: 20 } });
    const job = page.items.find((item) => item.kind === "adapt" && item.modality === "image");
    if (job && !learning.value) begin(job);
  } catch {
    // the page works without it
  }
}

export async function cancel(): Promise<void> {
  const now = learning.value;
  if (!now) return;
  change({ state: "canceling" });
  try {
    const job = await call("post", "/v1/jobs/{job_id}/cancel", { path: { job_id: now.jobId } });
    change({ state: job.state });
  } catch (error) {
    if (error instanceof ApiError && error.status === 409) return; // it ended meanwhile
    if (learning.value?.jobId === now.jobId && learning.value.state === "canceling") change({ state: now.state });
    sayError(error);
  }
}

/** The pictures that the style on this page was made of need not be kept any more. A draft of other ones stays. */
export function clearSubmitted(): void {
  if (submitted && submitted.jobId === learning.value?.jobId && submitted.pictures === draft.pictures.value) draft.clear();
}

/** What the style on this page may be called. */
export function suggestedName(): string {
  return submitted?.jobId === learning.value?.jobId ? (submitted?.suggestion ?? "") : "";
}

/** Forget the job on this page; the job itself goes on. */
export function leave(): void {
  following?.abort();
  learning.value = null;
}

function blank(jobId: string): Learning {
  return {
    jobId,
    styleId: null,
    state: "queued",
    attempt: 0,
    step: 0,
    steps: 0,
    curve: [],
    previews: [],
    startedAt: null,
    pace: null,
    endedAt: null,
    error: null,
    live: true,
    noWorker: false,
  };
}

function begin(job: Job): void {
  following?.abort();
  const abort = (following = new AbortController());
  learning.value = {
    ...blank(job.id),
    styleId: job.style_id,
    state: job.state,
    attempt: job.attempt,
    startedAt: job.started_at ? Date.parse(job.started_at) : null,
    endedAt: job.finished_at ? Date.parse(job.finished_at) : null,
    error: job.error ? explain(job.error.code, job.error.detail) : null,
  };
  void lookForWorker(abort.signal);
  followJob(job.id, {
    signal: abort.signal,
    onEvent: (event) => take(event),
    onLive: (live) => change({ live }),
  })
    .then(() => (abort.signal.aborted ? undefined : finish(job.id, abort.signal)))
    .catch((error: unknown) => {
      if (abort.signal.aborted) return;
      change({ state: "failed", error: error instanceof ApiError && error.status === 404 ? t.learn.gone : sentence(error) });
    });
}

async function lookForWorker(signal: AbortSignal): Promise<void> {
  while (!signal.aborted && learning.value && !over(learning.value)) {
    await new Promise((resolve) => setTimeout(resolve, 4000));
    if (signal.aborted || !learning.value) return;
    change({ noWorker: learning.value.state === "queued" && !(await hasWorker()) });
  }
}

function change(part: Partial<Learning>): void {
  if (learning.value) learning.value = { ...learning.value, ...part };
}

function take(event: JobEvent): void {
  const now = learning.value;
  if (!now) return;
  if (event.event === "state") {
    const { state, attempt, error } = event.data;
    if (TERMINAL.includes(state)) return; // `finish` reads the job itself
    const restarted = attempt !== undefined && attempt > now.attempt;
    change({
      state: now.state === "canceling" ? now.state : state,
      ...(attempt !== undefined && { attempt }),
      ...(restarted && { step: 0, curve: [], previews: [], pace: null }),
      ...(state === "running" && !now.startedAt && { startedAt: Date.now() }),
      ...(error && { error: explain(error.code, error.detail) }),
    });
  } else if (event.event === "progress" && event.data.phase === "adapt") {
    const { step, steps, losses } = event.data;
    const before = now.curve.filter((point) => point.step < step); // a new attempt begins again at 0
    change({
      step,
      steps,
      curve: [...before, { step, total: losses.total ?? NaN }],
      startedAt: now.startedAt ?? Date.now(),
      pace: paceAt(now, step),
    });
    if (step % 5 === 0) announce(t.learn.step(step, steps));
  } else if (event.event === "preview") {
    const { step, media_type, base64 } = event.data;
    const before = now.previews.filter((preview) => preview.step < step); // the first guess comes coarse to fine
    change({ previews: [...before, { step, url: `data:${media_type};base64,${base64}` }] });
  }
}

/** Steps that come at once were made before: they say nothing of the pace, and it is measured from the last one. */
function paceAt({ pace }: Learning, step: number): Learning["pace"] {
  const at = Date.now();
  return !pace || step < pace.step || at - pace.seen < AT_ONCE ? { step, at, seen: at } : { ...pace, seen: at };
}

/** Seconds that the steps that are left take at the pace of this attempt: the first began when the job did, and when
 * another one did nobody has told. Null: not known yet. */
export function secondsLeft(now: Learning, time: number): number | null {
  const { step, steps, attempt, startedAt, pace } = now;
  const since = attempt <= 1 && startedAt ? { step: 0, at: startedAt } : pace;
  const done = since ? step - since.step : 0;
  if (!since || step <= 1 || done <= 0) return null;
  return (Math.max(0, time - since.at) / 1000 / done) * (steps - step);
}

const PACE = "fewstroke.pace";

/** About how long so many steps take, as those did that this browser saw last; null: it saw none. */
export function secondsFor(steps: number): number | null {
  const pace = Number(localStorage.getItem(PACE));
  return pace > 0 ? Math.max(5, 5 * Math.round((pace * steps) / 5)) : null;
}

async function finish(jobId: string, signal: AbortSignal): Promise<void> {
  const job = await read(jobId, signal);
  if (learning.value?.jobId !== jobId) return;
  // before the page offers to name it
  if (job.state === "succeeded" && job.style_id) await untilAnswered(() => fetchStyle(job.style_id!), signal);
  if (job.state === "succeeded" && job.style_id && !find(job.style_id)?.name) learned(job.style_id);
  change({
    state: job.state,
    startedAt: job.started_at ? Date.parse(job.started_at) : null,
    endedAt: job.finished_at ? Date.parse(job.finished_at) : null,
    error: job.error ? explain(job.error.code, job.error.detail) : null,
  });
  if (job.state !== "succeeded") return;
  announce(t.learn.doneTitle);
  const { startedAt, endedAt, steps } = learning.value;
  if (startedAt && endedAt && steps) localStorage.setItem(PACE, String((endedAt - startedAt) / 1000 / steps));
}
