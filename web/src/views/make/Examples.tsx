// The chosen pictures: reorder by pointer or keyboard, crop, remove.
import { useRef, useState } from "preact/hooks";
import { t } from "../../i18n";
import { move, pictures, removeAt, replaceAt } from "../../state/draft";
import { touch } from "../../lib/touch";
import { Icon } from "../../ui/icons";
import { Crop } from "./Crop";

const START = 6; // px of movement before a press becomes a drag

export function Examples() {
  const list = useRef<HTMLUListElement>(null);
  const [cropping, setCropping] = useState<number | null>(null);
  const [held, setHeld] = useState<string | null>(null);
  const all = pictures.value;
  const focus = (index: number) =>
    requestAnimationFrame(() => list.current?.querySelectorAll<HTMLElement>(".handle")[index]?.focus());

  function onKey(event: KeyboardEvent, index: number) {
    const step = event.key === "ArrowLeft" || event.key === "ArrowUp" ? -1 : event.key === "ArrowRight" || event.key === "ArrowDown" ? 1 : 0;
    if (step && event.altKey) {
      event.preventDefault();
      const to = index + step;
      if (to < 0 || to >= all.length) return;
      move(index, to);
      focus(to);
    } else if (step) {
      event.preventDefault();
      focus(Math.min(all.length - 1, Math.max(0, index + step)));
    } else if (event.key === "Delete" || event.key === "Backspace") {
      event.preventDefault();
      removeAt(index);
      focus(Math.min(index, all.length - 2));
    }
  }

  function onPress(event: PointerEvent, id: string) {
    if (event.button !== 0) return;
    const handle = event.currentTarget as HTMLElement;
    const from = { x: event.clientX, y: event.clientY };
    let moving = false;
    handle.setPointerCapture(event.pointerId);
    const onMove = (now: PointerEvent) => {
      if (!moving && Math.hypot(now.clientX - from.x, now.clientY - from.y) < START) return;
      moving = true;
      setHeld(id);
      const under = document.elementsFromPoint(now.clientX, now.clientY).find((one) => one.matches(".example"));
      const to = under ? [...list.current!.children].indexOf(under) : -1;
      const at = pictures.value.findIndex((picture) => picture.id === id);
      if (to >= 0 && to !== at) move(at, to);
    };
    const end = () => {
      setHeld(null);
      handle.removeEventListener("pointermove", onMove);
      handle.removeEventListener("pointerup", end);
      handle.removeEventListener("pointercancel", end);
    };
    handle.addEventListener("pointermove", onMove);
    handle.addEventListener("pointerup", end);
    handle.addEventListener("pointercancel", end);
  }

  return (
    <section aria-labelledby="examples">
      <div class="head">
        <h2 id="examples">{t.make.examples}</h2>
        <span class="count">{t.make.pictures(all.length)}</span>
      </div>
      <p class="help" id="reorder-help">
        {touch.value ? t.make.reorderTouch : t.make.reorderHelp}
      </p>
      <ul class="examples" ref={list}>
        {all.map((picture, index) => (
          <li key={picture.id} class={held === picture.id ? "example held" : "example"}>
            <button
              type="button"
              class="handle"
              aria-label={t.make.picture(index + 1, all.length)}
              aria-describedby="reorder-help"
              onKeyDown={(event) => onKey(event, index)}
              onPointerDown={(event) => onPress(event, picture.id)}
            >
              <img src={picture.url} alt="" width={picture.width} height={picture.height} draggable={false} />
            </button>
            <div class="tools" role="group" aria-label={t.make.picture(index + 1, all.length)}>
              <button type="button" aria-label={t.make.left} disabled={index === 0} onClick={() => move(index, index - 1)}>
                <Icon name="left" />
              </button>
              <button type="button" aria-label={t.make.right} disabled={index === all.length - 1} onClick={() => move(index, index + 1)}>
                <Icon name="right" />
              </button>
              <button type="button" aria-label={t.make.crop} onClick={() => setCropping(index)}>
                <Icon name="crop" />
              </button>
              <button
                type="button"
                aria-label={t.make.remove}
                onClick={() => {
                  removeAt(index);
                  focus(Math.min(index, all.length - 2));
                }}
              >
                <Icon name="trash" />
              </button>
            </div>
          </li>
        ))}
      </ul>
      {cropping !== null && all[cropping] && (
        <Crop
          picture={all[cropping]}
          onClose={() => setCropping(null)}
          onDone={(picture) => {
            replaceAt(cropping, picture);
            setCropping(null);
          }}
        />
      )}
    </section>
  );
}
