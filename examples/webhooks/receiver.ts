// Receive Fewstroke's webhooks: WEBHOOK_SECRET=whsec_... node receiver.ts
// The secret is in the answer to POST /v1/webhooks. Without dependencies.
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingHttpHeaders } from "node:http";

const TOLERANCE = 300; // s between a message's time and ours: an older one may be played back by somebody
const seen = new Set<string>(); // ids; in earnest a table, since a message comes again until it is answered with 2xx

/** Whether the message was signed with `secret`, lately (standard-webhooks 1.0). */
export function verified(secret: string, headers: IncomingHttpHeaders, body: Buffer): boolean {
  const stamp = String(headers["webhook-timestamp"]);
  if (!/^\d+$/.test(stamp) || Math.abs(Date.now() / 1000 - Number(stamp)) > TOLERANCE) return false;
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const signed = Buffer.concat([Buffer.from(`${headers["webhook-id"]}.${stamp}.`), body]);
  const wanted = Buffer.from(`v1,${createHmac("sha256", key).update(signed).digest("base64")}`);
  // Several, while a secret is being rolled.
  return String(headers["webhook-signature"])
    .split(" ")
    .map((given) => Buffer.from(given))
    .some((given) => given.length === wanted.length && timingSafeEqual(given, wanted));
}

const server = createServer(async (request, response) => {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part);
  const body = Buffer.concat(parts);
  const id = String(request.headers["webhook-id"]);
  if (!verified(process.env.WEBHOOK_SECRET ?? "", request.headers, body)) {
    response.writeHead(401).end();
    return;
  }
  if (!seen.has(id)) {
    seen.add(id);
    const { type, data } = JSON.parse(body.toString());
    console.log(type, data.id);
  }
  response.writeHead(204).end();
});
server.listen(Number(process.env.PORT ?? 9000), "127.0.0.1", () => console.log("listening"));
