// One place where requests leave the page: base URL, key, errors, reachability.
import { signal } from "@preact/signals";
import type { components } from "../../../clients/typescript/src/schema";

export type ErrorCode = components["schemas"]["ErrorCode"];
type Problem = Partial<components["schemas"]["Problem"]>;

/** The service answered with a problem document (RFC 9457). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly retryAfter: number, // seconds
  ) {
    super(detail);
  }
}

/** No answer came. */
export class NetworkError extends Error {}

/** False while the service does not answer. */
export const reachable = signal(true);

/** What asks the person for a key; resolves to false when they decline. Set by `state/key`. */
export const keyring = {
  header: (): Record<string, string> => ({}),
  ask: async (_refused: boolean): Promise<boolean> => false,
};

/** Absolute URL of an API path, below whatever path the page itself is served from. A link of an answer may
 * have that path in it already. */
export function urlOf(path: string): string {
  const base = new URL(".", document.baseURI);
  return new URL(path.startsWith(base.pathname) ? path : path.replace(/^\//, ""), base).href;
}

export function problemOf(status: number, text: string, headers: (name: string) => string | null): ApiError {
  let problem: Problem = {};
  try {
    problem = JSON.parse(text) as Problem;
  } catch {
    // a proxy's page; its status must do
  }
  const seconds = Number(headers("Retry-After"));
  return new ApiError(
    status,
    problem.code ?? (status === 401 ? "unauthenticated" : "internal_error"),
    problem.detail ?? `HTTP ${status}`,
    Number.isFinite(seconds) && seconds > 0 ? seconds : 5,
  );
}

export interface Outgoing {
  method?: string;
  headers?: Record<string, string>;
  body?: BodyInit;
  signal?: AbortSignal;
  keepalive?: boolean; // it is sent although the page is left
}

/** A successful response. Asks for a key on 401 and repeats. Raises ApiError, NetworkError, AbortError. */
export async function send(path: string, outgoing: Outgoing = {}): Promise<Response> {
  for (;;) {
    const headers = { ...keyring.header(), ...outgoing.headers };
    let response: Response;
    try {
      response = await fetch(urlOf(path), { ...outgoing, headers });
    } catch (error) {
      if (outgoing.signal?.aborted) throw error;
      reachable.value = false;
      throw new NetworkError();
    }
    reachable.value = true;
    if (response.ok) return response;
    const problem = problemOf(response.status, await response.text(), (name) => response.headers.get(name));
    const repeat = problem.status === 401 && (await keyring.ask("Authorization" in headers));
    if (!repeat) throw problem;
  }
}
