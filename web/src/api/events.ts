// Server-sent events over fetch: EventSource cannot send a key.
import { ApiError, send } from "./http";
import type { JobState } from "./client";
import { pause } from "../lib/time";

export const TERMINAL: readonly JobState[] = ["succeeded", "failed", "canceled", "expired"];

export interface ProgressData {
  step: number;
  steps: number;
  losses: { total?: number; nats?: number };
  phase: string;
}
export type JobEvent =
  | { event: "state"; data: { state: JobState; attempt?: number; error?: { code: string; detail: string } } }
  | { event: "progress"; data: ProgressData }
  | { event: "preview"; data: { step: number; media_type: string; base64: string } };

interface Following {
  signal: AbortSignal;
  onEvent: (event: JobEvent) => void;
  /** Called with false when the stream broke and will be opened again, with true when it is open. */
  onLive?: (live: boolean) => void;
}

const SILENCE = 40_000; // ms; the service sends a comment every 15 s
const LONGEST_PAUSE = 8_000; // ms

/** Follow a job to its end, over as many connections as it takes. Raises ApiError when the job is gone. */
export async function followJob(jobId: string, { signal, onEvent, onLive }: Following): Promise<void> {
  let last = "";
  let failures = 0;
  while (!signal.aborted) {
    try {
      const ended = await readOnce(jobId, last, signal, (id, event) => {
        if (id) last = id;
        failures = 0;
        onEvent(event);
        return event.event === "state" && TERMINAL.includes(event.data.state);
      }, () => onLive?.(true));
      if (ended) return;
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ApiError && error.status < 500 && error.status !== 429) throw error;
    }
    onLive?.(false);
    failures += 1;
    await rest(Math.min(LONGEST_PAUSE, 400 * 2 ** Math.min(failures, 6)), signal);
  }
}

async function readOnce(
  jobId: string,
  last: string,
  outer: AbortSignal,
  onEvent: (id: string, event: JobEvent) => boolean,
  onOpen: () => void,
): Promise<boolean> {
  const watch = new AbortController();
  const stop = () => watch.abort();
  outer.addEventListener("abort", stop, { once: true });
  addEventListener("offline", stop); // a connection that lost its network stays silent, but open
  let timer = setTimeout(stop, SILENCE);
  try {
    const response = await send(`/v1/jobs/${jobId}/events`, {
      headers: { Accept: "text/event-stream", ...(last && { "Last-Event-ID": last }) },
      signal: watch.signal,
    });
    onOpen();
    if (response.status === 204) return true; // the last event was seen
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return false;
      clearTimeout(timer);
      timer = setTimeout(stop, SILENCE);
      const blocks = (rest + value).replaceAll("\r\n", "\n").split("\n\n");
      rest = blocks.pop() ?? "";
      for (const block of blocks) {
        const { id, event } = parse(block);
        if (event && onEvent(id, event)) {
          void reader.cancel();
          return true;
        }
      }
    }
  } finally {
    clearTimeout(timer);
    outer.removeEventListener("abort", stop);
    removeEventListener("offline", stop);
  }
}

/** Wait before the next attempt; not at all once the network is back. */
async function rest(ms: number, outer: AbortSignal): Promise<void> {
  const early = new AbortController();
  const stop = () => early.abort();
  outer.addEventListener("abort", stop, { once: true });
  addEventListener("online", stop);
  await pause(ms, outer.aborted ? outer : early.signal);
  outer.removeEventListener("abort", stop);
  removeEventListener("online", stop);
}

function parse(block: string): { id: string; event: JobEvent | null } {
  let id = "";
  let name = "";
  const data: string[] = [];
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    if (colon <= 0) continue; // a comment
    const value = line.slice(colon + 1).replace(/^ /, "");
    const field = line.slice(0, colon);
    if (field === "id") id = value;
    else if (field === "event") name = value;
    else if (field === "data") data.push(value);
  }
  if (!name || !data.length) return { id, event: null };
  return { id, event: { event: name, data: JSON.parse(data.join("\n")) } as JobEvent };
}
