// A frame over a picture; what is inside stays.
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { t } from "../../i18n";
import { cropPicture, type Box, type Picture } from "../../lib/files";
import { touch } from "../../lib/touch";
import { sayError } from "../../state/toast";
import { Dialog } from "../../ui/Dialog";

interface Props {
  picture: Picture;
  onClose: () => void;
  onDone: (picture: Picture) => void;
}

const SMALLEST = 32; // px of the picture

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}

export function Crop({ picture, onClose, onDone }: Props) {
  const whole: Box = { x: 0, y: 0, width: picture.width, height: picture.height };
  const [box, setBox] = useState<Box>(whole);
  const area = useRef<HTMLDivElement>(null);
  const frame = useRef<HTMLDivElement>(null);
  const least = Math.min(SMALLEST, picture.width, picture.height);

  useLayoutEffect(() => {
    area.current!.style.setProperty("--ratio", String(picture.width / picture.height));
  }, [picture]);
  useLayoutEffect(() => {
    const { style } = frame.current!;
    style.left = `${(box.x / picture.width) * 100}%`;
    style.top = `${(box.y / picture.height) * 100}%`;
    style.width = `${(box.width / picture.width) * 100}%`;
    style.height = `${(box.height / picture.height) * 100}%`;
  }, [box]);

  const moved = (from: Box, dx: number, dy: number): Box => ({
    ...from,
    x: clamp(from.x + dx, 0, picture.width - from.width),
    y: clamp(from.y + dy, 0, picture.height - from.height),
  });
  const sized = (from: Box, dx: number, dy: number, corner: string): Box => {
    const right = from.x + from.width;
    const bottom = from.y + from.height;
    const x = corner.includes("w") ? clamp(from.x + dx, 0, right - least) : from.x;
    const y = corner.includes("n") ? clamp(from.y + dy, 0, bottom - least) : from.y;
    const newRight = corner.includes("e") ? clamp(right + dx, from.x + least, picture.width) : right;
    const newBottom = corner.includes("s") ? clamp(bottom + dy, from.y + least, picture.height) : bottom;
    return { x, y, width: newRight - x, height: newBottom - y };
  };

  function onPress(event: PointerEvent, corner: string) {
    event.preventDefault();
    event.stopPropagation();
    const target = event.currentTarget as HTMLElement;
    const from = box;
    const scale = picture.width / area.current!.clientWidth;
    const start = { x: event.clientX, y: event.clientY };
    target.setPointerCapture(event.pointerId);
    const onMove = (now: PointerEvent) => {
      const dx = (now.clientX - start.x) * scale;
      const dy = (now.clientY - start.y) * scale;
      setBox(corner ? sized(from, dx, dy, corner) : moved(from, dx, dy));
    };
    const end = () => target.removeEventListener("pointermove", onMove);
    target.addEventListener("pointermove", onMove);
    target.addEventListener("pointerup", end, { once: true });
    target.addEventListener("pointercancel", end, { once: true });
  }

  function onKey(event: KeyboardEvent) {
    const step = Math.max(1, Math.round(picture.width / 50));
    const [dx, dy] = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key] ?? [0, 0];
    if (!dx && !dy) return;
    event.preventDefault();
    setBox((from) => (event.shiftKey ? sized(from, dx!, dy!, "se") : moved(from, dx!, dy!)));
  }

  async function apply() {
    try {
      onDone(await cropPicture(picture, box));
    } catch (error) {
      sayError(error);
    }
  }

  return (
    <Dialog title={t.make.cropTitle} onClose={onClose} wide>
      <p class="help" id="crop-help">
        {touch.value ? t.make.cropTouch : t.make.cropHelp}
      </p>
      <div class="crop" ref={area}>
        <img src={picture.url} alt="" draggable={false} width={picture.width} height={picture.height} />
        <div
          ref={frame}
          class="frame"
          tabIndex={0}
          role="group"
          aria-label={t.make.cropFrame(Math.round(box.width), Math.round(box.height))}
          aria-describedby="crop-help"
          onKeyDown={onKey}
          onPointerDown={(event) => onPress(event, "")}
        >
          {["nw", "ne", "sw", "se"].map((corner) => (
            <i key={corner} class={corner} onPointerDown={(event) => onPress(event, corner)} />
          ))}
        </div>
      </div>
      <footer>
        <button type="button" class="quiet" onClick={() => setBox(whole)}>
          {t.make.reset}
        </button>
        <button type="button" class="primary" onClick={() => void apply()}>
          {t.make.apply}
        </button>
      </footer>
    </Dialog>
  );
}
