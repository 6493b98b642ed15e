import type { components } from "./schema.js";

export type JobState = components["schemas"]["JobState"];

export type JobEvent =
  | { id: string | null; kind: "state"; state: JobState }
  | {
      id: string | null;
      kind: "progress";
      step: number;
      steps: number;
      phase: string;
      losses: Record<string, number>;
    }
  | { id: string | null; kind: "preview"; step: number; media_type: string; base64: string }
  /** From its character `begin` on, the result at `position` now reads `text`. */
  | { id: string | null; kind: "text"; position: number; begin: number; text: string };

const OVER: ReadonlySet<JobState> = new Set(["succeeded", "failed", "canceled", "expired"]);

/** Whether the state is final. */
export function isOver(state: JobState): boolean {
  return OVER.has(state);
}

/** Server-sent events, line by line; `lastId` is that of the last event that came whole. */
export class EventParser {
  #id: string | null;
  #kind = "";
  #data: string[] = [];

  constructor(public lastId: string | null = null) {
    this.#id = lastId;
  }

  feed(line: string): JobEvent | null {
    if (line !== "") {
      const colon = line.indexOf(":");
      const name = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (name === "event") this.#kind = value;
      else if (name === "data") this.#data.push(value);
      else if (name === "id") this.#id = value;
      return null;
    }
    const [kind, data] = [this.#kind, this.#data.join("\n")];
    [this.#kind, this.#data, this.lastId] = ["", [], this.#id];
    if (data === "" || !["state", "progress", "preview", "text"].includes(kind)) return null;
    return { ...JSON.parse(data), kind, id: this.lastId } as JobEvent;
  }
}

/** The lines of a body. Rejects when nothing comes for `silence` ms. */
export async function* lines(body: ReadableStream<Uint8Array>, silence: number): AsyncGenerator<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    for (;;) {
      const quiet = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new TypeError(`nothing came for ${silence} ms`)), silence);
      });
      const { done, value } = await Promise.race([reader.read(), quiet]);
      clearTimeout(timer);
      if (done) return;
      const whole = (rest + decoder.decode(value, { stream: true })).split(/\r\n|\n/);
      rest = whole.pop() ?? "";
      yield* whole;
    }
  } finally {
    clearTimeout(timer);
    await reader.cancel().catch(() => undefined);
  }
}
