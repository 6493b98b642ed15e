// Files that are dropped anywhere on the page or pasted. One set of listeners for the page's whole life: none is
// lost between two views, and none that nobody wants is opened by the browser in the page's place.
import { signal } from "@preact/signals";
import { filesOf } from "../lib/files";
import { filesBelow, foldersOf } from "../lib/folders";
import { check } from "./check";
import * as draft from "./draft";
import { addWorks } from "./works";
import { route, sync } from "./route";
import { importStyles } from "./styles";
import { sayError } from "./toast";
import { bring } from "./use";

export const dragging = signal(false);

let depth = 0; // enter and leave come for every element under the pointer

export function listenForFiles(): void {
  addEventListener("dragenter", (event) => {
    if (!hasFiles(event)) return;
    depth += 1;
    dragging.value = true;
  });
  addEventListener("dragleave", (event) => {
    if (hasFiles(event) && --depth <= 0) stop();
  });
  addEventListener("dragover", (event) => {
    if (hasFiles(event)) event.preventDefault();
  });
  addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    stop();
    const entries = foldersOf(event.dataTransfer);
    if (entries) void filesBelow(entries).then(deliver).catch(sayError);
    else deliver(filesOf(event.dataTransfer));
  });
  addEventListener("paste", (event) => deliver(filesOf(event.clipboardData)));
}

function hasFiles(event: DragEvent): boolean {
  return event.dataTransfer?.types.includes("Files") ?? false;
}

function stop(): void {
  depth = 0;
  dragging.value = false;
}

/** To the section that the address names, drawn or not. */
function deliver(files: File[]): void {
  if (!files.length || document.querySelector("dialog[open]")) return;
  sync();
  const here = route.value;
  if (here.view === "use") void bring(files);
  else if (here.view === "styles") void importStyles(files);
  else if (here.view === "music") addWorks(files);
  else if (here.view === "check") void check(files[0]!);
  else if (here.view === "make" && !here.job) void draft.add(files);
}
