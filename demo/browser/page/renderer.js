// The network, in a worker of its own: one style is kept between photos.
import * as ort from "/ort/ort.wasm.min.mjs";

ort.env.wasm.wasmPaths = "/ort/";
ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(8, navigator.hardwareConcurrency) : 1;
let kept = { model: null, session: null };

async function sessionOf(model) {
  const key = `${model.name} ${model.size} ${model.lastModified}`;
  if (kept.model !== key) {
    await kept.session?.release();
    kept = { model: null, session: null };
    const session = await ort.InferenceSession.create(new Uint8Array(await model.arrayBuffer()), {
      executionProviders: ["wasm"],
      logSeverityLevel: 3, // not that some inputs may be left out
    });
    kept = { model: key, session };
  }
  return kept.session;
}

/** RGBA bytes to (1, 3, height, width), RGB in 0..1. */
function toTensor({ data, width, height }) {
  const count = width * height;
  const values = new Float32Array(3 * count);
  for (let i = 0; i < count; i++) {
    for (let channel = 0; channel < 3; channel++) values[channel * count + i] = data[4 * i + channel] / 255;
  }
  return new ort.Tensor("float32", values, [1, 3, height, width]);
}

function toPixels({ data, dims }) {
  const [height, width] = dims.slice(2);
  const count = width * height;
  const pixels = new ImageData(width, height);
  for (let i = 0; i < count; i++) {
    for (let channel = 0; channel < 3; channel++) pixels.data[4 * i + channel] = 255 * data[channel * count + i];
    pixels.data[4 * i + 3] = 255;
  }
  return pixels;
}

let last = Promise.resolve();
self.onmessage = ({ data: { number, model, pixels } }) => {
  last = last.then(async () => {
    try {
      const session = await sessionOf(model);
      const started = performance.now();
      const { picture } = await session.run({ photo: toTensor(pixels) });
      const milliseconds = performance.now() - started;
      self.postMessage({ number, pixels: toPixels(picture), milliseconds, threads: ort.env.wasm.numThreads });
    } catch (error) {
      const text = `The style cannot be used (${error.message}): choose a file of “fewstroke export”.`;
      self.postMessage({ number, error: text });
    }
  });
};
