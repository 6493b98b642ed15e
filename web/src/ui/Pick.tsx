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
  folder?: boolean; // all files of a folder
  archives?: boolean; // ZIPs of photos, too
  label?: string;
}

export function Pick({ onFiles, children, class: name = "", multiple, accept, folder = false, archives = false, label }: PickProps) {
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
        accept={accept ?? `${accepted(touch.value)}${archives && !touch.value ? ",.zip" : ""}`} // a phone would offer files for photos
        {...{ webkitdirectory: folder }} // not among the attributes that Preact's types know
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
