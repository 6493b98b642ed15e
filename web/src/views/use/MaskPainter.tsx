// A brush over the photo; white in the mask is where the style goes.
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { t } from "../../i18n";
import { toBlob } from "../../lib/files";
import { touch } from "../../lib/touch";
import { setMask, type Photo } from "../../state/use";
import { sayError } from "../../state/toast";
import { Dialog } from "../../ui/Dialog";
import { Segmented } from "../../ui/Segmented";

interface Props {
  photo: Photo;
  onClose: () => void;
}

type Tool = "paint" | "erase";

const PAINT = "#ff5a2b"; // seen on any photo; its alpha is the mask

export function MaskPainter({ photo, onClose }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const cursor = useRef<HTMLSpanElement>(null);
  const area = useRef<HTMLDivElement>(null);
  const [tool, setTool] = useState<Tool>("paint");
  const [size, setSize] = useState(12); // % of the photo's shorter side
  const [empty, setEmpty] = useState(!photo.mask);
  const spot = useRef({ x: photo.width / 2, y: photo.height / 2 }); // px of the photo
  const radius = (Math.min(photo.width, photo.height) * size) / 200;

  // The canvas holds the mask as alpha, so the photo shines through where nothing is painted.
  useLayoutEffect(() => {
    area.current!.style.setProperty("--ratio", String(photo.width / photo.height));
    if (photo.mask) void restore(photo.mask.blob, canvas.current!).catch(sayError);
  }, [photo]);
  useLayoutEffect(place, [size]);

  function context(): CanvasRenderingContext2D {
    return canvas.current!.getContext("2d")!;
  }

  function place() {
    const { style } = cursor.current!;
    style.left = `${(spot.current.x / photo.width) * 100}%`;
    style.top = `${(spot.current.y / photo.height) * 100}%`;
    style.width = `${((radius * 2) / photo.width) * 100}%`;
  }

  function stroke(from: { x: number; y: number }, to: { x: number; y: number }) {
    const draw = context();
    draw.globalCompositeOperation = tool === "paint" ? "source-over" : "destination-out";
    draw.strokeStyle = PAINT;
    draw.lineCap = "round";
    draw.lineWidth = radius * 2;
    draw.beginPath();
    draw.moveTo(from.x, from.y);
    draw.lineTo(to.x + 0.01, to.y);
    draw.stroke();
    draw.globalCompositeOperation = "source-over";
    setEmpty(false);
  }

  function onPointer(event: PointerEvent) {
    const box = canvas.current!.getBoundingClientRect();
    const now = {
      x: ((event.clientX - box.left) / box.width) * photo.width,
      y: ((event.clientY - box.top) / box.height) * photo.height,
    };
    const before = spot.current;
    spot.current = now;
    place();
    if (event.type === "pointerdown") {
      canvas.current!.setPointerCapture(event.pointerId);
      stroke(now, now);
    } else if (event.buttons & 1) stroke(before, now);
  }

  function onKey(event: KeyboardEvent) {
    const step = radius * (event.shiftKey ? 3 : 0.75);
    const [dx, dy] = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key] ?? [0, 0];
    if (event.key === " ") {
      event.preventDefault();
      stroke(spot.current, spot.current);
    } else if (dx || dy) {
      event.preventDefault();
      spot.current = {
        x: Math.min(photo.width, Math.max(0, spot.current.x + dx!)),
        y: Math.min(photo.height, Math.max(0, spot.current.y + dy!)),
      };
      place();
    }
  }

  function fill(how: "source-over" | "destination-out" | "xor") {
    const draw = context();
    draw.globalCompositeOperation = how;
    draw.fillStyle = PAINT;
    draw.fillRect(0, 0, photo.width, photo.height);
    draw.globalCompositeOperation = "source-over";
    setEmpty(how === "destination-out");
  }

  async function apply() {
    try {
      setMask(photo.id, empty ? null : await maskOf(canvas.current!));
      onClose();
    } catch (error) {
      sayError(error);
    }
  }

  return (
    <Dialog title={t.use.maskTitle} onClose={onClose} wide>
      <p class="help" id="mask-help">
        {touch.value ? t.use.maskTouch : t.use.maskHelp}
      </p>
      <div class="painting" ref={area}>
        <img src={photo.url} alt="" draggable={false} width={photo.width} height={photo.height} />
        <canvas
          ref={canvas}
          width={photo.width}
          height={photo.height}
          tabIndex={0}
          role="img"
          aria-label={t.use.maskCanvas}
          aria-describedby="mask-help"
          onPointerDown={onPointer}
          onPointerMove={onPointer}
          onKeyDown={onKey}
        />
        <span class={`cursor ${tool}`} ref={cursor} aria-hidden="true" />
      </div>
      <div class="brushes">
        <Segmented
          legend={t.use.brush}
          name="brush"
          value={tool}
          onChange={setTool}
          options={[
            { value: "paint", label: t.use.paint },
            { value: "erase", label: t.use.erase },
          ]}
        />
        <label class="slider">
          <span>{t.use.brushSize}</span>
          <input type="range" min="3" max="50" value={size} onInput={(event) => setSize(event.currentTarget.valueAsNumber)} />
        </label>
        <div class="row fills">
          <button type="button" onClick={() => fill("source-over")}>{t.use.fill}</button>
          <button type="button" onClick={() => fill("destination-out")}>{t.use.clear}</button>
          <button type="button" onClick={() => fill("xor")}>{t.use.invert}</button>
        </div>
      </div>
      <footer>
        <button type="button" class="quiet" onClick={onClose}>
          {t.app.cancel}
        </button>
        <button type="button" class="primary" onClick={() => void apply()}>
          {t.make.apply}
        </button>
      </footer>
    </Dialog>
  );
}

/** White on black, as the service wants it. */
async function maskOf(painted: HTMLCanvasElement): Promise<Blob> {
  const flat = document.createElement("canvas");
  flat.width = painted.width;
  flat.height = painted.height;
  const draw = flat.getContext("2d")!;
  draw.drawImage(painted, 0, 0);
  const cover = (colour: string, where: GlobalCompositeOperation) => {
    draw.globalCompositeOperation = where;
    draw.fillStyle = colour;
    draw.fillRect(0, 0, flat.width, flat.height);
  };
  cover("#fff", "source-in");
  cover("#000", "destination-over");
  return toBlob(flat, "image/png");
}

/** A mask back to alpha, to paint on. */
async function restore(mask: Blob, canvas: HTMLCanvasElement): Promise<void> {
  const bitmap = await createImageBitmap(mask);
  const draw = canvas.getContext("2d")!;
  draw.drawImage(bitmap, 0, 0);
  bitmap.close();
  const pixels = draw.getImageData(0, 0, canvas.width, canvas.height);
  for (let at = 0; at < pixels.data.length; at += 4) pixels.data[at + 3] = pixels.data[at]!;
  draw.putImageData(pixels, 0, 0);
  draw.globalCompositeOperation = "source-in";
  draw.fillStyle = PAINT;
  draw.fillRect(0, 0, canvas.width, canvas.height);
  draw.globalCompositeOperation = "source-over";
}
