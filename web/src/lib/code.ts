// The call that the page makes, for a terminal and for Python.
import { fieldsOf, type Photo } from "../state/use";

type Field = [name: string, value: string];

function fields(photo: Photo): Field[] {
  return Object.entries(fieldsOf(photo)).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((item): Field => [name, String(item)]),
  );
}

function suffixOf(photo: Photo): string {
  const sent = fieldsOf(photo);
  if ("clip_format" in sent) return sent.clip_format === "apng" ? "png" : sent.clip_format!;
  return sent.format!;
}

function base(): string {
  return new URL(".", document.baseURI).href.replace(/\/$/, "");
}

function quote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A file's name where `curl -F` expects one: it reads `;` and `,` as the end, and quotes as quotes. */
function fileName(name: string): string {
  return /[;,"\\]/.test(name) ? `"${name.replace(/["\\]/g, "\\$&")}"` : name;
}

/** A curl line that answers with the job, whose pictures have their links in it. */
export function curl(photo: Photo, withKey: boolean): string {
  const parts = [
    "curl -sS --fail-with-body -H 'Prefer: wait=120'",
    ...(withKey ? ['-H "Authorization: Bearer $FEWSTROKE_KEY"'] : []),
    ...fields(photo).map(([name, value]) => `-F ${quote(`${name}=${value}`)}`),
    `-F ${quote(`contents=@${fileName(photo.name)}`)}`,
    ...(photo.mask ? ["-F mask=@mask.png"] : []),
    quote(`${base()}/v1/stylizations`),
  ];
  return parts.join(" \\\n  ");
}

/** A curl line that puts a file of the reader's into a style, and saves the archive of the results. */
export function curlOf(style: string, withKey: boolean): string {
  const { strength, abstraction, stroke_size } = { abstraction: undefined, stroke_size: undefined, ...fieldsOf({ mask: null, moving: false }, {}, [{ id: style, weight: 1 }]) };
  const dials = Object.entries({ strength, abstraction, stroke_size }).filter(([, value]) => value !== undefined);
  return [
    "curl -sS --fail-with-body -H 'Prefer: wait=120'",
    ...(withKey ? ['-H "Authorization: Bearer $FEWSTROKE_KEY"'] : []),
    `-F style_id=${style}`,
    ...dials.map(([name, value]) => `-F ${name}=${value}`),
    "-F contents=@photo.jpg",
    quote(`${base()}/v1/stylizations`),
  ].join(" \\\n  ");
}

/** The same with httpx. */
export function python(photo: Photo, withKey: boolean): string {
  const text = (value: string) => JSON.stringify(value);
  const data = new Map<string, string[]>();
  for (const [name, value] of fields(photo)) data.set(name, [...(data.get(name) ?? []), value]);
  const lines = [...data].map(
    ([name, values]) =>
      `    ${text(name)}: ${values.length > 1 ? `[${values.map(text).join(", ")}]` : text(values[0]!)},`,
  );
  return [
    ...(withKey ? ["import os", ""] : []),
    "import httpx",
    "",
    `headers = {"Prefer": "wait=120"${withKey ? ', "Authorization": f"Bearer {os.environ[\'FEWSTROKE_KEY\']}"' : ""}}`,
    "data = {",
    ...lines,
    "}",
    `files = [("contents", open(${text(photo.name)}, "rb"))${photo.mask ? ', ("mask", open("mask.png", "rb"))' : ""}]`,
    `with httpx.Client(base_url=${text(base())}, headers=headers, timeout=150) as client:`,
    '    answer = client.post("/v1/stylizations", data=data, files=files).raise_for_status()',
    '    picture = answer.json()["job"]["result"]["images"][0]',
    '    content = client.get(answer.url.join(picture["url"])).raise_for_status().content',
    `open(${text(`result.${suffixOf(photo)}`)}, "wb").write(content)`,
  ].join("\n");
}
