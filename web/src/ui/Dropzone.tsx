// Files from everywhere: dropped on the page, pasted, or chosen.
import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { ACCEPT, filesOf } from "../lib/files";

export const dragging = signal(false);

/** While mounted, files that are dropped anywhere on the page or pasted go to `onFiles`. */
export function usePageFiles(onFiles: (files: File[]) => void): void {
  const handler = useRef(onFiles);
  handler.current = onFiles;
  useEffect(() => {
    let depth = 0; // enter and leave come for every element under the pointer
    const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
    const enter = (event: DragEvent) => {
      if (!hasFiles(event)) return;
      depth += 1;
      dragging.value = true;
    };
    const leave = (event: DragEvent) => {
      if (hasFiles(event) && --depth <= 0) stop();
    };
    const over = (event: DragEvent) => {
      if (hasFiles(event)) event.preventDefault();
    };
    const drop = (event: DragEvent) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      stop();
      deliver(filesOf(event.dataTransfer));
    };
    const paste = (event: ClipboardEvent) => deliver(filesOf(event.clipboardData));
    const stop = () => {
      depth = 0;
      dragging.value = false;
    };
    const deliver = (files: File[]) => {
      if (files.length && !document.querySelector("dialog[open]")) handler.current(files);
    };
    addEventListener("dragenter", enter);
    addEventListener("dragleave", leave);
    addEventListener("dragover", over);
    addEventListener("drop", drop);
    addEventListener("paste", paste);
    return () => {
      stop();
      removeEventListener("dragenter", enter);
      removeEventListener("dragleave", leave);
      removeEventListener("dragover", over);
      removeEventListener("drop", drop);
      removeEventListener("paste", paste);
    };
  }, []);
}

interface PickProps {
  onFiles: (files: File[]) => void;
  children: ComponentChildren;
  class?: string;
  multiple?: boolean;
  accept?: string;
  label?: string;
}

/** A button that opens the file chooser. */
export function Pick({ onFiles, children, class: name = "", multiple, accept = ACCEPT, label }: PickProps) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" class={name} aria-label={label} onClick={() => input.current?.click()}>
        {children}
      </button>
      <input
        ref={input}
        type="file"
        hidden
        accept={accept}
        multiple={multiple ?? false}
        onChange={(event) => {
          const files = [...(event.currentTarget.files ?? [])];
          event.currentTarget.value = ""; // the same file may be chosen again
          if (files.length) onFiles(files);
        }}
      />
    </>
  );
}
