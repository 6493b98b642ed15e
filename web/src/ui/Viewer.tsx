// The result as large as the screen: zoom and move with fingers, wheel or keys; held, it shows the photo as it was.
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { t } from "../i18n";
import { Icon } from "./icons";

interface Props {
  before: string;
  after: string;
  beforeAlt: string;
  afterAlt: string;
  onClose: () => void;
}

const MOST = 8; // times the size that fits
const STEP = 1.5; // a press of a button
const HOLD = 220; // ms until a press is a hold
const SLACK = 8; // px that a finger may move meanwhile

interface View {
  scale: number;
  x: number; // px from the middle
  y: number;
}

const whole: View = { scale: 1, x: 0, y: 0 };

export function Viewer({ before, after, beforeAlt, afterAlt, onClose }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const area = useRef<HTMLDivElement>(null);
  const [view, setView] = useState<View>(whole);
  const [peek, setPeek] = useState(false);
  const fingers = useRef(new Map<number, { x: number; y: number }>()).current;
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);

  useLayoutEffect(() => {
    const element = dialog.current!;
    const focused = document.activeElement;
    element.showModal();
    return () => {
      element.close();
      if (focused instanceof HTMLElement && focused.isConnected) focused.focus();
    };
  }, []);
  useLayoutEffect(() => {
    area.current!.style.setProperty("--view", `translate(${view.x}px, ${view.y}px) scale(${view.scale})`);
  }, [view]);

  /** Nearer or farther, with the place under (x, y) where it is (px from the middle); never past the edges. */
  function zoom(from: View, factor: number, x = 0, y = 0): View {
    const scale = Math.min(MOST, Math.max(1, from.scale * factor));
    const share = scale / from.scale;
    return kept({ scale, x: x - (x - from.x) * share, y: y - (y - from.y) * share });
  }
  function kept({ scale, x, y }: View): View {
    const { clientWidth, clientHeight } = area.current!;
    const [most, high] = [((scale - 1) * clientWidth) / 2, ((scale - 1) * clientHeight) / 2];
    return { scale, x: Math.min(most, Math.max(-most, x)), y: Math.min(high, Math.max(-high, y)) };
  }
  function spot(at: { clientX: number; clientY: number }) {
    const box = area.current!.getBoundingClientRect();
    return { x: at.clientX - box.left - box.width / 2, y: at.clientY - box.top - box.height / 2 };
  }

  function onDown(event: PointerEvent) {
    area.current!.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, spot(event));
    clearTimeout(timer.current);
    if (fingers.size === 1) timer.current = setTimeout(() => setPeek(true), HOLD);
    else setPeek(false);
  }
  function onMove(event: PointerEvent) {
    const last = fingers.get(event.pointerId);
    if (!last) return;
    const now = spot(event);
    if (fingers.size === 1) {
      if (peek || Math.hypot(now.x - last.x, now.y - last.y) < (view.scale > 1 ? 1 : SLACK)) return;
      clearTimeout(timer.current);
      fingers.set(event.pointerId, now);
      setView((from) => kept({ ...from, x: from.x + now.x - last.x, y: from.y + now.y - last.y }));
    } else {
      const other = [...fingers].find(([id]) => id !== event.pointerId)![1];
      const apart = (a: { x: number; y: number }) => Math.max(1, Math.hypot(a.x - other.x, a.y - other.y));
      fingers.set(event.pointerId, now);
      setView((from) => zoom(from, apart(now) / apart(last), (now.x + other.x) / 2, (now.y + other.y) / 2));
    }
  }
  function onUp(event: PointerEvent) {
    fingers.delete(event.pointerId);
    clearTimeout(timer.current);
    setPeek(false);
  }

  function onKey(event: KeyboardEvent) {
    const far = 60;
    const moves: Record<string, [number, number]> = { ArrowLeft: [far, 0], ArrowRight: [-far, 0], ArrowUp: [0, far], ArrowDown: [0, -far] };
    const move = moves[event.key];
    if (move) setView((from) => kept({ ...from, x: from.x + move[0], y: from.y + move[1] }));
    else if (event.key === "+" || event.key === "=") setView((from) => zoom(from, STEP));
    else if (event.key === "-") setView((from) => zoom(from, 1 / STEP));
    else if (event.key === "0") setView(whole);
    else return;
    event.preventDefault();
  }

  return (
    <dialog
      ref={dialog}
      class="viewer"
      aria-label={t.use.closely}
      onKeyDown={onKey}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <div
        ref={area}
        class={peek ? "area peek" : "area"}
        onPointerDown={onDown}
        onPointerMove={onMove}
        onPointerUp={onUp}
        onPointerCancel={onUp}
        onDblClick={(event) => {
          const at = spot(event);
          setView((from) => (from.scale > 1 ? whole : zoom(from, 2.5, at.x, at.y)));
        }}
        onWheel={(event) => {
          event.preventDefault();
          const at = spot(event);
          setView((from) => zoom(from, Math.exp(-event.deltaY / 400), at.x, at.y));
        }}
        onContextMenu={(event) => event.preventDefault()}
      >
        <img src={after} alt={peek ? "" : afterAlt} draggable={false} />
        <img class="before" src={before} alt={peek ? beforeAlt : ""} draggable={false} />
      </div>
      <div class="bar">
        <Hold onPeek={setPeek} />
        <span class="zooms" role="group" aria-label={t.use.zoom}>
          <button type="button" class="square" aria-label={t.use.zoomOut} disabled={view.scale <= 1} onClick={() => setView((from) => zoom(from, 1 / STEP))}>
            <Icon name="minus" />
          </button>
          <button type="button" class="level" aria-label={t.use.zoomFit(Math.round(view.scale * 100))} onClick={() => setView(whole)}>
            {Math.round(view.scale * 100)} %
          </button>
          <button type="button" class="square" aria-label={t.use.zoomIn} disabled={view.scale >= MOST} onClick={() => setView((from) => zoom(from, STEP))}>
            <Icon name="plus" />
          </button>
        </span>
        <button type="button" class="square" aria-label={t.app.close} autofocus onClick={onClose}>
          <Icon name="close" />
        </button>
      </div>
    </dialog>
  );
}

/** Pressed, by pointer or key, the photo is seen as it was. */
export function Hold({ onPeek }: { onPeek: (peek: boolean) => void }) {
  const end = () => onPeek(false);
  const key = (down: boolean) => (event: KeyboardEvent) => {
    if (event.key !== " " && event.key !== "Enter") return;
    event.preventDefault();
    onPeek(down);
  };
  return (
    <button
      type="button"
      class="hold"
      aria-label={t.use.hold}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        onPeek(true);
      }}
      onPointerUp={end}
      onPointerCancel={end}
      onBlur={end}
      onKeyDown={key(true)}
      onKeyUp={key(false)}
      onContextMenu={(event) => event.preventDefault()}
    >
      <Icon name="eye" />
      <span>{t.use.hold}</span>
    </button>
  );
}
