// The page: reads the files, shows the picture. The network runs in renderer.js, off this thread.
const renderer = new Worker("/renderer.js", { type: "module" });
const find = (id) => document.getElementById(id);
const [style, photo, size, status, canvas, save] = ["style", "photo", "size", "status", "picture", "save"].map(find);
let asked = 0;

function tell(text, state = "") {
  status.textContent = text;
  status.dataset.state = state;
}

/** RGBA pixels of a picture, its longer side at most `longest`; transparent parts on white. */
async function pixelsOf(file, longest) {
  const bitmap = await createImageBitmap(file);
  const scale = Math.min(1, longest / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(16, Math.round(side * scale)));
  const sheet = new OffscreenCanvas(width, height).getContext("2d");
  sheet.fillStyle = "white";
  sheet.fillRect(0, 0, width, height);
  sheet.imageSmoothingQuality = "high";
  sheet.fillStyle = "white"; // under what is transparent, which would be black
  sheet.fillRect(0, 0, width, height);
  sheet.drawImage(bitmap, 0, 0, width, height);
  return sheet.getImageData(0, 0, width, height);
}

async function render() {
  const [model, picture] = [style.files[0], photo.files[0]];
  if (!model || !picture) return;
  const number = ++asked;
  tell("Rendering…", "busy");
  try {
    const pixels = await pixelsOf(picture, Number(size.value));
    if (number === asked) renderer.postMessage({ number, model, pixels });
  } catch {
    tell("This photo cannot be read: choose a JPEG, PNG or WebP picture.", "failed");
  }
}

renderer.onmessage = ({ data }) => {
  if (data.number !== asked) return; // something else was chosen meanwhile
  if (data.error) return tell(data.error, "failed");
  canvas.width = data.pixels.width;
  canvas.height = data.pixels.height;
  canvas.hidden = false;
  canvas.getContext("2d").putImageData(data.pixels, 0, 0);
  canvas.toBlob((blob) => {
    URL.revokeObjectURL(save.href);
    save.href = URL.createObjectURL(blob);
    save.hidden = false;
  });
  const { width, height } = data.pixels;
  tell(`${width} × ${height} pixels in ${(data.milliseconds / 1000).toFixed(2)} s on ${data.threads} threads.`, "done");
};

for (const input of [style, photo, size]) input.addEventListener("change", render);
