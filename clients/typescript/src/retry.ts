/** How often a request is sent, and the pauses in ms; a `Retry-After` beyond `patience` ms ends it at once. */
export interface Retries {
  attempts: number;
  firstPause: number;
  longestPause: number;
  patience: number;
}

export const DEFAULT_RETRIES: Retries = { attempts: 5, firstPause: 500, longestPause: 8000, patience: 60_000 };

const AGAIN = new Set([429, 502, 503]);
const SAFE = new Set(["GET", "HEAD", "PUT", "DELETE", "PATCH"]);
const CANCEL = /\/v1\/jobs\/[^/]+\/cancel$/;

export type Fetch = (request: Request) => Promise<Response>;

/** A `fetch` that sends a request again while the service is away or busy, when that is harmless. */
export function persistent(fetch: Fetch, retries: Retries): Fetch {
  return async (request) => {
    const harmless =
      SAFE.has(request.method) || request.headers.has("Idempotency-Key") || CANCEL.test(new URL(request.url).pathname);
    for (let attempt = 1; ; attempt++) {
      const last = attempt >= retries.attempts;
      let pause = Math.min(retries.longestPause, retries.firstPause * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2);
      try {
        const response = await fetch(last ? request : request.clone());
        if (last || !(await again(response))) return response;
        const asked = retryAfter(response.headers);
        if (asked !== null && asked > retries.patience) return response;
        await response.body?.cancel();
        pause = asked ?? pause;
      } catch (error) {
        if (last || !harmless || request.signal.aborted) throw error;
      }
      await sleep(pause, request.signal);
    }
  };
}

async function again(response: Response): Promise<boolean> {
  if (AGAIN.has(response.status)) return true;
  if (response.status !== 409) return false;
  const problem = (await response.clone().json().catch(() => ({}))) as { code?: string };
  return problem.code === "idempotency_key_in_use";
}

/** The header in ms, be it a number of seconds or a date. */
function retryAfter(headers: Headers): number | null {
  const text = headers.get("Retry-After");
  if (text === null) return null;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isNaN(ms) ? null : Math.max(0, ms);
}

export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop, { once: true });
  });
}
