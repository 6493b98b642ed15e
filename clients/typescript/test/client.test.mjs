// The client against a real service, and against a scripted one that is away or busy.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { after, before, test } from "node:test";

import { ApiError, Fewstroke, JobFailedError } from "../dist/index.js";
import { startService } from "./service.mjs";

const ROOT = resolve(import.meta.dirname, "../../..");
const PNG = [0x89, 0x50, 0x4e, 0x47];
let service;
let fewstroke;
let picture;

before(async () => {
  picture = new File([await readFile(resolve(ROOT, "app/studio/pictures/photos/coffee.jpg"))], "coffee.jpg");
  service = await startService();
  fewstroke = new Fewstroke({ baseUrl: service.url });
});
after(() => service?.stop());

test("a photo in, the stylized photo out", async () => {
  const seen = [];
  const result = await fewstroke.stylizePhoto(picture, [picture], { steps: 2, size: 64 }, { onEvent: (event) => seen.push(event) });
  assert.equal(result.type, "image/png");
  assert.deepEqual([...new Uint8Array(await result.arrayBuffer())].slice(0, 4), PNG);
  assert.ok(seen.some((event) => event.kind === "progress" && event.phase === "adapt" && event.step === 2));
  assert.ok(seen.some((event) => event.kind === "preview" && atob(event.base64).length > 100));
  assert.equal(seen.at(-1).state, "succeeded");
});

test("a style, a blend of two, its items", async () => {
  const styles = [];
  for (const name of ["one", "two"]) {
    const { style, job } = await fewstroke.createStyle([picture], { name, steps: 1 });
    await fewstroke.wait(job.id);
    styles.push(style.id);
  }
  const [one, two] = styles;
  const made = await fewstroke.createStylization([picture, picture], { [one]: 3, [two]: 1 }, { size: 64 });
  await fewstroke.wait(made.job.id);
  const { data } = await fewstroke.api.GET("/v1/stylizations/{stylization_id}", {
    params: { path: { stylization_id: made.stylization.id } },
  });
  assert.deepEqual(data.styles, [{ id: one, weight: 0.75 }, { id: two, weight: 0.25 }]);
  assert.deepEqual(data.items.map((item) => [item.name, item.status]), Array(2).fill(["coffee.jpg", "succeeded"]));
  const listed = await fewstroke.api.GET("/v1/styles", { params: { query: { name: "one", limit: 1 } } });
  assert.equal(listed.data.items[0].id, one);
});

test("poems in, a poem out", async () => {
  const poems = new File([await readFile(new URL("../../../demo/poems/libai.txt", import.meta.url))], "libai.txt");
  const { style, job } = await fewstroke.createStyle([poems], { steps: 0 });
  assert.equal(style.modality, "poems");
  await fewstroke.wait(job.id);
  const made = await fewstroke.createPoem(style.id, { form: "wujue" });
  await fewstroke.wait(made.job.id);
  const { items } = await fewstroke.poem(made.poem.id);
  assert.equal(items[0].about.form, "wujue");
  await assert.rejects(fewstroke.createStory(style.id, { length: 1 }), ApiError);
});

test("songs in, a song out", async () => {
  const songs = [1, 2].map((number) => new File([songOf(number)], `song-${number}.mid`));
  const { style, job } = await fewstroke.createStyle(songs, { steps: 0 });
  assert.equal(style.modality, "music");
  await fewstroke.wait(job.id);
  const seen = [];
  const made = await fewstroke.createComposition({ [style.id]: 1 }, { bars: 2, forms: ["mid"] });
  await fewstroke.wait(made.job.id, { onEvent: (event) => seen.push(event) });
  assert.ok(seen.some((event) => event.kind === "progress" && event.phase === "generate"));
  const { items } = await fewstroke.composition(made.composition.id);
  assert.equal(items[0].about.bars, 2);
  const midi = await fewstroke.file(items[0].files[0].id);
  assert.equal(midi.type, "audio/midi");
  assert.equal((await midi.text()).slice(0, 4), "MThd");
});

test("a refusal is thrown, with code and sentence", async () => {
  await assert.rejects(fewstroke.createStyle([new Blob(["no picture"])]), (error) => {
    assert.ok(error instanceof ApiError);
    assert.deepEqual([error.status, error.code], [415, "image_format_unsupported"]);
    assert.match(error.message, /File 1 of `examples`/);
    return true;
  });
  await assert.rejects(fewstroke.wait("job_none"), { code: "job_not_found" });
});

// A scripted service: answers in turn, the last one stays.
const job = (state) => ({ id: "job_1", state, error: null, result: null });
const json = (body, init) => () => new Response(JSON.stringify(body), { headers: { "content-type": "application/json" }, ...init });
const busy = () => json({ code: "queue_full", detail: "Full." }, { status: 429, headers: { "Retry-After": "0" } });
const lost = () => () => Promise.reject(new TypeError("fetch failed"));
const stream = (text, broken) => () =>
  new Response(
    new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(text));
        if (!broken) controller.close();
      },
      pull: (controller) => (broken ? controller.error(new TypeError("terminated")) : undefined),
    }),
    { headers: { "content-type": "text/event-stream" } },
  );

function scripted(...answers) {
  const asked = [];
  const client = new Fewstroke({
    baseUrl: "http://there",
    apiKey: "fsk_x",
    retries: { firstPause: 1, longestPause: 2 },
    fetch: async (request) => {
      asked.push(request);
      return (answers.length > 1 ? answers.shift() : answers[0])();
    },
  });
  return { client, asked };
}

const STEP = 'id: 2\nevent: progress\ndata: {"step": 0, "steps": 9, "losses": {}, "phase": "adapt"}\n\n';
const OVER = 'id: 3\nevent: state\ndata: {"state": "succeeded"}\n\n';

test("a busy or lost service is asked again, as the same request", async () => {
  const { client, asked } = scripted(busy(), lost(), json({ style: {}, job: job("queued") }, { status: 202 }));
  assert.equal((await client.createStyle([picture])).job.id, "job_1");
  assert.equal(asked.length, 3);
  assert.equal(new Set(asked.map((request) => request.headers.get("Idempotency-Key"))).size, 1);
  assert.ok(asked[0].headers.get("Idempotency-Key"));
  assert.equal(asked[0].headers.get("Authorization"), "Bearer fsk_x");
});

test("pages on plain HTTP have no crypto.randomUUID and need none", async (context) => {
  context.mock.method(crypto, "randomUUID", () => {
    throw new TypeError("crypto.randomUUID is not a function");
  });
  const { client, asked } = scripted(json({ style: {}, job: job("queued") }, { status: 202 }));
  await client.createStyle([picture]);
  await client.createStyle([picture]);
  const keys = asked.map((request) => request.headers.get("Idempotency-Key"));
  assert.match(keys[0], /^[0-9a-f]{32}$/);
  assert.notEqual(keys[0], keys[1]);
});

test("what would be made twice is not sent twice", async () => {
  const { client, asked } = scripted(lost());
  await assert.rejects(client.api.POST("/v1/webhooks", { body: { url: "https://example.com" } }), TypeError);
  assert.equal(asked.length, 1);
});

test("events go on where the connection broke", async () => {
  const { client, asked } = scripted(stream(`${STEP}id: 3\nevent: state\ndata: {"sta`, true), stream(OVER));
  const ids = [];
  for await (const event of client.events("job_1")) ids.push(event.id);
  assert.deepEqual(ids, ["2", "3"]);
  assert.deepEqual(asked.map((request) => request.headers.get("Last-Event-ID")), [null, "2"]);
});

test("where no stream holds the job is polled", async () => {
  const failed = { ...job("failed"), error: { code: "out_of_memory", detail: "Too large." } };
  const { client, asked } = scripted(stream(""), stream(""), stream(""), json(job("running")), json(failed));
  const states = [];
  await assert.rejects(client.wait("job_1", { onEvent: (event) => states.push(event.state) }), (error) => {
    assert.ok(error instanceof JobFailedError);
    assert.equal(error.code, "out_of_memory");
    return true;
  });
  assert.deepEqual(states, ["running", "failed"]);
  assert.equal(asked.length, 6);
});

test("waiting can be given up", async () => {
  const { client } = scripted(stream(""), stream(""), stream(""), json(job("running")));
  await assert.rejects(client.wait("job_1", { signal: AbortSignal.timeout(100) }), { name: "TimeoutError" });
});

/** A MIDI file: 32 quarters that go up and down a scale, from one degree or another. */
function songOf(number) {
  const scale = [60, 62, 64, 65, 67, 69, 71, 72];
  const notes = Array.from({ length: 32 }, (_, i) => scale[Math.abs(((i * number + number) % 14) - 7)]);
  const events = notes.flatMap((pitch) => [0, 0x90, pitch, 80, 0x83, 0x60, 0x80, pitch, 0]);
  const track = [...events, 0, 0xff, 0x2f, 0];
  const length = [24, 16, 8, 0].map((shift) => (track.length >> shift) & 0xff);
  const head = [0x4d, 0x54, 0x68, 0x64, 0, 0, 0, 6, 0, 0, 0, 1, 0x01, 0xe0];
  return new Uint8Array([...head, 0x4d, 0x54, 0x72, 0x6b, ...length, ...track]);
}
