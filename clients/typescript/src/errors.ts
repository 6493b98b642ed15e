import type { components } from "./schema.js";

export type Problem = components["schemas"]["Problem"];
type Job = components["schemas"]["JobOut"];

/** The service refused the request; `message` is its sentence on what was wrong and what to do. */
export class ApiError extends Error {
  override name = "ApiError";

  constructor(
    readonly status: number,
    /** A word of the service's closed list, e.g. `image_animated`; empty when a proxy answered. */
    readonly code: string,
    message: string,
    readonly problem: Partial<Problem>,
  ) {
    super(message);
  }
}

/** The job that was waited for did not succeed. */
export class JobFailedError extends Error {
  override name = "JobFailedError";
  readonly code: string;

  constructor(readonly job: Job) {
    super(job.error?.detail ?? `Job ${job.id} is ${job.state}.`);
    this.code = job.error?.code ?? job.state;
  }
}

export async function apiError(response: Response): Promise<ApiError> {
  let problem: Partial<Problem> = {};
  try {
    problem = (await response.clone().json()) as Partial<Problem>;
  } catch {
    // A proxy's page: the status has to do.
  }
  const message = problem.detail ?? problem.title ?? `HTTP status ${response.status} from ${response.url}`;
  return new ApiError(response.status, problem.code ?? "", message, problem);
}
