/** Fewstroke from TypeScript: every call, typed by the service's OpenAPI description, and waiting. */

import createClient, { type Client } from "openapi-fetch";

import { ApiError, apiError, JobFailedError } from "./errors.js";
import { EventParser, isOver, type JobEvent, type JobState, lines } from "./events.js";
import { DEFAULT_RETRIES, type Fetch, persistent, type Retries, sleep } from "./retry.js";
import type { components, paths } from "./schema.js";

export type { components, operations, paths } from "./schema.js";
export { ApiError, isOver, type JobEvent, JobFailedError, type JobState, type Retries };

type Schemas = components["schemas"];
export type Job = Schemas["JobOut"];
export type Style = Schemas["StyleOut"];
export type Stylization = Schemas["StylizationOut"];
export type Batch = Schemas["BatchOut"];
export type Composition = Schemas["CompositionOut"];
export type Poem = Schemas["PoemOut"];
export type Story = Schemas["StoryOut"];

export interface Options {
  /** Default: the service on this machine. */
  baseUrl?: string;
  /** As `fewstroke keys create` made it. */
  apiKey?: string;
  retries?: Partial<Retries>;
  fetch?: Fetch;
}

export interface Waiting {
  signal?: AbortSignal;
  onEvent?: (event: JobEvent) => void;
}

/** Fields of a form: files, and values; several of a name are an array. */
export type Fields = Record<string, Blob | string | number | boolean | null | undefined | (Blob | string | number)[]>;

const SILENCE = 40_000; // ms; the service sends a comment every 15 s
const TRIES = 3; // streams in a row that bring nothing, before polling
const MAKES = /\/v1\/(styles|styles\/import|stylizations|batches|compositions|poems|stories|stylize|styles\/[^/]+\/relearn|jobs\/[^/]+\/retry)$/;

export class Fewstroke {
  /** All calls: `fewstroke.api.GET("/v1/styles/{style_id}", …)`. Refusals are thrown, as `ApiError`. */
  readonly api: Client<paths>;
  readonly #pause: number;

  constructor(options: Options = {}) {
    const retries = { ...DEFAULT_RETRIES, ...options.retries };
    this.#pause = retries.firstPause;
    this.api = createClient<paths>({
      baseUrl: options.baseUrl ?? "http://127.0.0.1:8000",
      fetch: persistent(options.fetch ?? ((request) => fetch(request)), retries),
      ...(options.apiKey === undefined ? {} : { headers: { Authorization: `Bearer ${options.apiKey}` } }),
    });
    this.api.use({
      onRequest({ request }) {
        if (request.method === "POST" && MAKES.test(new URL(request.url).pathname)) {
          if (!request.headers.has("Idempotency-Key")) request.headers.set("Idempotency-Key", randomKey());
        }
        return request;
      },
      async onResponse({ request, response }) {
        const answered = response.ok || response.status === 304 || request.url.endsWith("/readyz");
        if (!answered) throw await apiError(response);
      },
    });
  }

  /** The photo in the style of the examples, as a picture. */
  async stylizePhoto(photo: Blob, examples: Blob[], fields: Fields = {}, waiting: Waiting = {}): Promise<Blob> {
    const body = formOf({ ...fields, examples, content: photo });
    const { data } = await this.api.POST("/v1/stylize", {
      body: body as never,
      bodySerializer: () => body,
      ...signalOf(waiting),
    });
    const job = await this.wait((data as Schemas["OneCallAccepted"]).job.id, waiting);
    const image = job.result?.images[0];
    if (image === undefined) throw new JobFailedError(job);
    return this.image(image.id);
  }

  /** Learn a style; its job goes on: `wait` for it. */
  async createStyle(examples: Blob[], fields: Fields = {}): Promise<Schemas["StyleAccepted"]> {
    const body = formOf({ ...fields, examples });
    const { data } = await this.api.POST("/v1/styles", { body: body as never, bodySerializer: () => body });
    return data!;
  }

  /** Learn an outdated style again from its examples; its job goes on: `wait` for it. */
  async relearnStyle(styleId: string): Promise<Schemas["StyleAccepted"]> {
    const { data } = await this.api.POST("/v1/styles/{style_id}/relearn", { params: { path: { style_id: styleId } } });
    return data!;
  }

  /** Render contents in a style, or in a blend: `{ sty_a: 2, sty_b: 1 }`. */
  async createStylization(
    contents: Blob[],
    style: string | Record<string, number>,
    fields: Fields = {},
  ): Promise<Schemas["StylizationAccepted"]> {
    const body = formOf({ ...fields, ...blendOf(style), contents });
    const { data } = await this.api.POST("/v1/stylizations", { body: body as never, bodySerializer: () => body });
    return data!;
  }

  /**
   * Render thousands of photos, a ZIP, after everything else; its job goes on: `wait` for it. `fields.renderings`: a
   * Blob of JSON lines, which photos and how.
   */
  async createBatch(
    photos: Blob,
    style: string | Record<string, number>,
    fields: Fields = {},
  ): Promise<Schemas["BatchAccepted"]> {
    const body = formOf({ ...fields, ...blendOf(style), photos });
    const { data } = await this.api.POST("/v1/batches", { body: body as never, bodySerializer: () => body });
    return data!;
  }

  /** A batch as it is now. */
  async batch(batchId: string): Promise<Batch> {
    const { data } = await this.api.GET("/v1/batches/{batch_id}", { params: { path: { batch_id: batchId } } });
    return data!;
  }

  /** The pictures of a batch whose job is over, a ZIP. */
  async batchZip(batchId: string): Promise<Blob> {
    const { data } = await this.api.GET("/v1/batches/{batch_id}/zip", {
      params: { path: { batch_id: batchId } },
      parseAs: "blob",
    });
    return data as Blob;
  }

  /** Compose in a style of music, or in a blend; its job goes on: `wait` for it. `fields.primer`: a score. */
  async createComposition(
    style: string | Record<string, number>,
    fields: Fields = {},
  ): Promise<Schemas["CompositionAccepted"]> {
    const body = formOf({ ...fields, ...blendOf(style) });
    const { data } = await this.api.POST("/v1/compositions", { body: body as never, bodySerializer: () => body });
    return data!;
  }

  /** A composition as it is now. */
  async composition(compositionId: string): Promise<Composition> {
    const { data } = await this.api.GET("/v1/compositions/{composition_id}", {
      params: { path: { composition_id: compositionId } },
    });
    return data!;
  }

  /** Write poems in a style of Chinese poems, or in a blend; its job goes on: `wait` for it. */
  async createPoem(style: string | Record<string, number>, fields: Fields = {}): Promise<Schemas["PoemAccepted"]> {
    const body = formOf({ ...fields, ...blendOf(style) });
    const { data } = await this.api.POST("/v1/poems", { body: body as never, bodySerializer: () => body });
    return data!;
  }

  /** Poems as they are now. */
  async poem(poemId: string): Promise<Poem> {
    const { data } = await this.api.GET("/v1/poems/{poem_id}", { params: { path: { poem_id: poemId } } });
    return data!;
  }

  /** Write stories in a style of English prose, or in a blend; its job's `text` events tell them as they come. */
  async createStory(style: string | Record<string, number>, fields: Fields = {}): Promise<Schemas["StoryAccepted"]> {
    const body = formOf({ ...fields, ...blendOf(style) });
    const { data } = await this.api.POST("/v1/stories", { body: body as never, bodySerializer: () => body });
    return data!;
  }

  /** Stories as they are now. */
  async story(storyId: string): Promise<Story> {
    const { data } = await this.api.GET("/v1/stories/{story_id}", { params: { path: { story_id: storyId } } });
    return data!;
  }

  /** The bytes of a file that is no picture, such as a result's MIDI. */
  async file(fileId: string): Promise<Blob> {
    const { data } = await this.api.GET("/v1/files/{file_id}/content", {
      params: { path: { file_id: fileId } },
      parseAs: "blob",
    });
    return data as Blob;
  }

  /** An image's bytes. */
  async image(imageId: string): Promise<Blob> {
    const { data } = await this.api.GET("/v1/images/{image_id}/content", {
      params: { path: { image_id: imageId } },
      parseAs: "blob",
    });
    return data as Blob;
  }

  /** The job when it is over. Throws JobFailedError unless it succeeded. */
  async wait(jobId: string, waiting: Waiting = {}): Promise<Job> {
    for await (const event of this.events(jobId, waiting.signal)) waiting.onEvent?.(event);
    const job = await this.#job(jobId, waiting.signal);
    if (job.state !== "succeeded") throw new JobFailedError(job);
    return job;
  }

  /**
   * What happens to a job, a final state last. A connection that breaks is taken up again where it was;
   * where none holds, the job is polled and only its states are told.
   */
  async *events(jobId: string, signal?: AbortSignal): AsyncGenerator<JobEvent> {
    let parser = new EventParser();
    for (let barren = 1; barren <= TRIES; barren++) {
      try {
        const { data, response } = await this.api.GET("/v1/jobs/{job_id}/events", {
          params: { path: { job_id: jobId }, header: parser.lastId === null ? {} : { "last-event-id": parser.lastId } },
          parseAs: "stream",
          ...signalOf({ signal }),
        });
        if (response.status === 204) break; // the last event was seen: what is left is the state
        for await (const line of lines(data as unknown as ReadableStream<Uint8Array>, SILENCE)) {
          const event = parser.feed(line);
          if (event === null) continue;
          barren = 0;
          yield event;
          if (event.kind === "state" && isOver(event.state)) return;
        }
      } catch (error) {
        signal?.throwIfAborted();
        if (error instanceof ApiError ? error.status < 500 && error.status !== 429 : !(error instanceof TypeError)) throw error;
      }
      parser = new EventParser(parser.lastId); // an event that was cut off comes again
      await sleep(this.#pause * 2 ** barren, signal);
    }
    let state: JobState | null = null;
    for (let pause = this.#pause; ; pause = Math.min(5000, pause * 1.5)) {
      const job = await this.#job(jobId, signal);
      if (job.state !== state) yield { kind: "state", id: null, state: (state = job.state) };
      if (isOver(job.state)) return;
      await sleep(pause, signal);
    }
  }

  async #job(jobId: string, signal?: AbortSignal): Promise<Job> {
    const { data } = await this.api.GET("/v1/jobs/{job_id}", {
      params: { path: { job_id: jobId } },
      ...signalOf({ signal }),
    });
    return data!;
  }
}

/** The fields that name a style, or a blend. */
function blendOf(style: string | Record<string, number>): Fields {
  return typeof style === "string" ? { style_id: style } : { style_id: Object.keys(style), weight: Object.values(style) };
}

/** A multipart form of the fields that have a value. */
export function formOf(fields: Fields): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    for (const item of Array.isArray(value) ? value : [value]) {
      if (item instanceof Blob) form.append(name, item);
      else if (item !== null && item !== undefined) form.append(name, String(item));
    }
  }
  return form;
}

/** Not `crypto.randomUUID`, which pages on plain HTTP do not have. */
function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function signalOf(waiting: { signal?: AbortSignal | undefined }): { signal?: AbortSignal } {
  return waiting.signal === undefined ? {} : { signal: waiting.signal };
}
