// The TypeScript client through a proxy: node nginx_client.mjs URL KEY PICTURE; prints what it saw, as JSON.
import { readFile } from "node:fs/promises";
import { Fewstroke } from "../../clients/typescript/dist/index.js";

const [baseUrl, apiKey, path] = process.argv.slice(2);
const fewstroke = new Fewstroke({ baseUrl, apiKey });
const picture = new File([await readFile(path)], "photo.jpg");
const kinds = [];
const made = await fewstroke.stylizePhoto(picture, [picture], { steps: 2, size: 64 }, { onEvent: ({ kind }) => kinds.push(kind) });
const { data } = await fewstroke.api.GET("/v1/images", { params: { query: { limit: 1 } } });
const link = new URL(data.items[0].url, baseUrl);
console.log(JSON.stringify({ type: made.type, kinds, link: link.href, status: (await fetch(link)).status }));
