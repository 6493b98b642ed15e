// How far two pictures are from each other, for the eye: on a small copy of each.
const SIDE = 64; // px

async function pixels(url: string): Promise<Uint8ClampedArray> {
  const image = new Image();
  image.src = url;
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: SIDE, height: SIDE });
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  context.drawImage(image, 0, 0, SIDE, SIDE);
  return context.getImageData(0, 0, SIDE, SIDE).data;
}

/** The mean difference of their colours, in levels of 0..255. */
export async function apart(one: string, other: string): Promise<number> {
  const [a, b] = await Promise.all([pixels(one), pixels(other)]);
  const sum = a.reduce((total, value, at) => total + (at % 4 === 3 ? 0 : Math.abs(value - b[at]!)), 0);
  return sum / ((a.length * 3) / 4);
}
