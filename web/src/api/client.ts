// The typed client: paths, parameters and answers come from the OpenAPI document.
import { send, urlOf, keyring, problemOf, reachable, NetworkError } from "./http";
import type { components, paths } from "../../../clients/typescript/src/schema";

type Schemas = components["schemas"];
export type Style = Schemas["StyleOut"];
export type Job = Schemas["JobOut"];
export type JobState = Schemas["JobState"];
export type Model = Schemas["ModelOut"];
export type Stylization = Schemas["StylizationOut"];
export type Composition = Schemas["CompositionOut"];
export type Piece = Schemas["CompositionPiece"];
export type SharedResult = Schemas["SharedOut"];
export type Image = Schemas["ImageOut"];
export type Batch = Schemas["BatchOut"];
export type Detection = Schemas["DetectionOut"];

type Method = "get" | "post" | "put" | "patch" | "delete";
type PathsWith<M extends Method> = {
  [P in keyof paths]: paths[P] extends Record<M, { responses: unknown }> ? P : never;
}[keyof paths];
type Operation<P extends keyof paths, M extends Method> = paths[P] extends Record<M, infer Op> ? Op : never;
type JsonOf<R> = R extends { content: { "application/json": infer T } } ? T : never;
type Answer<Op> = Op extends { responses: infer R } ? JsonOf<R[keyof R & (200 | 201 | 202)]> : never;
type Given<Op> = Op extends { parameters: infer A }
  ? (A extends { path: infer T } ? { path: T } : { path?: undefined }) & {
      query?: A extends { query?: infer Q } ? Q : undefined;
    }
  : never;
type JsonBody<Op> = Op extends { requestBody: { content: { "application/json": infer B } } } ? B : undefined;
type FormFields<P extends PathsWith<"post">> =
  Operation<P, "post"> extends { requestBody: { content: { "multipart/form-data": infer F } } } ? F : never;

function fill(template: string, path: object | undefined, query: object | null | undefined): string {
  const filled = Object.entries(path ?? {}).reduce(
    (url, [name, value]) => url.replace(`{${name}}`, encodeURIComponent(String(value))),
    template,
  );
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {}))
    for (const item of Array.isArray(value) ? value : [value])
      if (item !== undefined && item !== null) search.append(name, String(item));
  return search.size ? `${filled}?${search}` : filled;
}

/** Call an operation with a JSON answer (or none). */
export async function call<M extends Method, P extends PathsWith<M>>(
  method: M,
  path: P,
  given: Given<Operation<P, M>> & { body?: JsonBody<Operation<P, M>>; signal?: AbortSignal; keepalive?: boolean },
): Promise<Answer<Operation<P, M>>> {
  const { body, signal, keepalive = false } = given;
  const response = await send(fill(path as string, given.path as unknown as object, given.query as unknown as object), {
    method: method.toUpperCase(),
    keepalive,
    ...(signal && { signal }),
    ...(body !== undefined && {
      body: JSON.stringify(body),
      headers: { "Content-Type": "application/json" },
    }),
  });
  const text = await response.text();
  return (text ? JSON.parse(text) : undefined) as Answer<Operation<P, M>>;
}

export interface Named {
  blob: Blob;
  name: string;
}

type Single = string | number | boolean | Named;
type FieldValue = Single | Single[] | undefined;

interface UploadHow {
  signal?: AbortSignal | undefined;
  onProgress?: ((fraction: number) => void) | undefined;
  /** Of a request that may be sent again: it is done once. */
  key?: string | undefined;
}

/** POST a multipart form, telling how much of it has left. Only the fields of the operation are accepted. */
export async function upload<P extends PathsWith<"post">>(
  path: P,
  fields: { [K in keyof FormFields<P>]?: FieldValue },
  how: UploadHow = {},
): Promise<Answer<Operation<P, "post">>> {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields) as [string, FieldValue][]) {
    if (value === undefined) continue;
    for (const item of Array.isArray(value) ? value : [value])
      if (typeof item === "object") form.append(name, item.blob, item.name);
      else form.append(name, String(item));
  }
  for (;;) {
    const sent = keyring.header();
    const once: Record<string, string> = how.key === undefined ? {} : { "Idempotency-Key": how.key };
    const { status, text, header } = await post(path as string, form, { ...sent, ...once }, how);
    if (status >= 200 && status < 300) return JSON.parse(text) as Answer<Operation<P, "post">>;
    const problem = problemOf(status, text, header);
    const repeat = status === 401 && (await keyring.ask("Authorization" in sent));
    if (!repeat) throw problem;
  }
}

interface Posted {
  status: number;
  text: string;
  header: (name: string) => string | null;
}

function post(path: string, form: FormData, headers: Record<string, string>, how: UploadHow): Promise<Posted> {
  // XMLHttpRequest: fetch does not tell how far an upload has come.
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", urlOf(path));
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) how.onProgress?.(event.loaded / event.total);
    };
    request.onload = () => {
      reachable.value = true;
      resolve({
        status: request.status,
        text: request.responseText,
        header: (name) => request.getResponseHeader(name),
      });
    };
    request.onerror = () => {
      reachable.value = false;
      reject(new NetworkError());
    };
    request.onabort = () => reject(new DOMException("aborted", "AbortError"));
    how.signal?.addEventListener("abort", () => request.abort(), { once: true });
    if (how.signal?.aborted) reject(new DOMException("aborted", "AbortError"));
    else request.send(form);
  });
}
