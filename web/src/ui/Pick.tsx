// A button that opens the file chooser. What is dropped or pasted comes by state/intake.
import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import { accepted } from "../lib/files";
import { touch } from "../lib/touch";

interface PickProps {
  onFiles: (files: File[]) => void;
  children: ComponentChildren;
  class?: string;
  multiple?: boolean;
  accept?: string;
  label?: string;
}

export function Pick({ onFiles, children, class: name = "", multiple, accept, label }: PickProps) {
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
        accept={accept ?? accepted(touch.value)}
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
