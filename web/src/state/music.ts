// Learning a composer's manner and composing in it: what is asked for, how far it is, what came back.
import { signal } from "@preact/signals";
import { call, upload, type Composition, type JobState, type Piece, type Style } from "../api/client";
import { followJob, TERMINAL } from "../api/events";
import { send } from "../api/http";
import { sayError } from "./toast";
import { works } from "./works";

export interface Notes {
  tempo: number;
  bars: { onset: number; meter: string }[];
  notes: { onset: number; duration: number; pitch: number; staff: "voice" | "right" | "left" }[];
}

/** A composition with what is shown of it; addresses are of blobs, for which a key was sent. */
export interface Shown {
  composition: Composition;
  piece: Piece;
  score: string | null;
  sound: string | null;
  notes: Notes;
}

export interface Doing {
  what: "learn" | "compose";
  jobId: string;
  state: JobState;
  step: number;
  steps: number;
  nats: number | null;
}

export const MOODS = {
  calmGlad: [0.7, -0.6],
  stirredGlad: [0.8, 0.8],
  calmSad: [-0.8, -0.6],
  stirredSad: [-0.7, 0.8],
} as const;
export type Mood = keyof typeof MOODS | "";

export const manners = signal<readonly Style[]>([]);
export const manner = signal<string | null>(null);
export const asked = signal({ bars: 16, mode: "" as "" | "major" | "minor", meter: "", mood: "" as Mood, seed: 0 });
export const doing = signal<Doing | null>(null);
export const shown = signal<Shown | null>(null);

export async function refreshManners(): Promise<void> {
  try {
    const page = await call("get", "/v1/styles", { query: { modality: "music", status: ["ready"], limit: 50 } });
    manners.value = page.items;
    if (!page.items.some(({ id }) => id === manner.value)) manner.value = page.items[0]?.id ?? null;
  } catch (error) {
    sayError(error);
  }
}

export async function learn(): Promise<void> {
  const files = works.value;
  const name = files.map((file) => file.name.replace(/\.[^.]*$/, "")).join(", ").slice(0, 60);
  const ended = await run("learn", async () => {
    const examples = files.map((file) => ({ blob: file as Blob, name: file.name }));
    const { style, job } = await upload("/v1/styles", { examples, name: name || undefined });
    return [style.id, job.id];
  });
  if (ended === null) return;
  works.value = [];
  await refreshManners();
  manner.value = ended;
}

/** `seed`: another one gives another song. */
export async function compose(seed = asked.value.seed): Promise<void> {
  const style = manner.value;
  if (!style) return;
  asked.value = { ...asked.value, seed };
  const { bars, mode, meter, mood } = asked.value;
  const [valence, arousal] = mood ? MOODS[mood] : [undefined, undefined];
  const ended = await run("compose", async () => {
    const answer = await upload("/v1/compositions", {
      style_id: [style],
      bars,
      seed,
      mode: mode || undefined,
      meter: meter || undefined,
      valence,
      arousal,
    });
    return [answer.composition.id, answer.job.id];
  });
  if (ended === null) return;
  try {
    await show(await call("get", "/v1/compositions/{composition_id}", { path: { composition_id: ended } }));
  } catch (error) {
    sayError(error);
  }
}

export async function cancel(): Promise<void> {
  const now = doing.value;
  if (!now) return;
  try {
    await call("post", "/v1/jobs/{job_id}/cancel", { path: { job_id: now.jobId } });
  } catch (error) {
    sayError(error);
  }
}

/** Submit and follow; the id of what was made, or null when it was not. */
async function run(what: Doing["what"], submit: () => Promise<[made: string, jobId: string]>): Promise<string | null> {
  if (doing.value) return null;
  const blank = { what, jobId: "", state: "queued" as JobState, step: 0, steps: 0, nats: null };
  doing.value = blank;
  let state: JobState = "queued";
  let problem: { code: string; detail: string } | undefined;
  try {
    const [made, jobId] = await submit();
    doing.value = { ...blank, jobId };
    await followJob(jobId, {
      signal: new AbortController().signal,
      onEvent: ({ event, data }) => {
        if (event === "state") {
          state = data.state;
          problem = data.error;
          if (!TERMINAL.includes(state)) doing.value = { ...doing.value!, state };
        }
        if (event === "progress") {
          const { step, steps, losses } = data;
          doing.value = { ...doing.value!, state: "running", step, steps, nats: losses.nats ?? doing.value!.nats };
        }
      },
    });
    const job = await call("get", "/v1/jobs/{job_id}", { path: { job_id: jobId } });
    if (job.state === "succeeded") return made;
    if (job.state === "failed") sayError(new Error(job.error?.detail ?? problem?.detail ?? job.state));
  } catch (error) {
    sayError(error);
  } finally {
    doing.value = null;
  }
  return null;
}

async function show(composition: Composition): Promise<void> {
  const piece = composition.items[0]!;
  const read = async (form: string): Promise<Blob | null> => {
    const file = piece.files.find((one) => one.form === form);
    return file ? await (await send(file.url)).blob() : null;
  };
  const [notes, score, sound] = await Promise.all([read("json"), read("svg"), read("opus")]);
  const before = shown.value;
  shown.value = {
    composition,
    piece,
    notes: JSON.parse(await notes!.text()) as Notes,
    score: score && URL.createObjectURL(score),
    sound: sound && URL.createObjectURL(sound),
  };
  for (const address of [before?.score, before?.sound]) if (address) URL.revokeObjectURL(address);
}
