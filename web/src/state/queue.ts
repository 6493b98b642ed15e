// A full queue is no error for a person: wait as long as the service says, and try again.
import { signal } from "@preact/signals";
import { ApiError, NetworkError } from "../api/http";
import { t } from "../i18n";
import { pause } from "../lib/time";
import { announce } from "./toast";

const WAITS = new Set(["queue_full", "rate_limited"]);

/** Seconds until the next try while the queue is full; null while it is not. */
export const queueWait = signal<number | null>(null);

const PASSING = new Set([429, 502, 503, 504]);

/** Run `attempt` until the service answers it. Raises what it refuses, and AbortError. */
export async function untilAnswered<T>(attempt: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let failures = 0; ; failures++) {
    try {
      return await attempt();
    } catch (error) {
      const passing = error instanceof NetworkError || (error instanceof ApiError && PASSING.has(error.status));
      if (!passing) throw error;
      const wait = error instanceof ApiError ? error.retryAfter : Math.min(8, 0.5 * 2 ** failures);
      await pause(1000 * wait, signal);
      if (signal.aborted) throw new DOMException("aborted", "AbortError");
    }
  }
}

/** Run `attempt` until the queue takes it. Raises what else it raises, and AbortError. */
export async function untilAccepted<T>(attempt: () => Promise<T>, signal: AbortSignal): Promise<T> {
  try {
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        if (!(error instanceof ApiError && WAITS.has(error.code))) throw error;
        announce(t.queue.full(Math.ceil(error.retryAfter))); // once: the countdown is for the eye
        for (let left = Math.ceil(error.retryAfter); left > 0; left--) {
          queueWait.value = left;
          await pause(1000, signal);
          if (signal.aborted) throw new DOMException("aborted", "AbortError");
        }
      }
    }
  } finally {
    queueWait.value = null;
  }
}
