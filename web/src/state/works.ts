// The works of music that are to be learned from: chosen or dropped, looked at by the service alone.
import { signal } from "@preact/signals";
import { t } from "../i18n";
import { say } from "./toast";

export const WORKS = ".mid,.midi,.musicxml,.mxl,.xml";
const MOST = 16;

export const works = signal<readonly File[]>([]);

export function addWorks(files: File[]): void {
  const fitting = files.filter(({ name }) => WORKS.split(",").some((ending) => name.toLowerCase().endsWith(ending)));
  for (const { name } of files.filter((file) => !fitting.includes(file))) say(t.music.wrong(name));
  const all = [...works.value, ...fitting];
  if (all.length > MOST) say(t.music.tooMany);
  works.value = all.slice(0, MOST);
}

export function leaveOut(file: File): void {
  works.value = works.value.filter((one) => one !== file);
}
