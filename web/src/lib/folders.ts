// Folders that are dropped or chosen: their files, each with its path.
const paths = new WeakMap<File, string>();

/** Where a file stands in the folder that it came with; its name when it came alone. */
export function pathOf(file: File): string {
  return paths.get(file) ?? (file.webkitRelativePath || file.name);
}

/** What was dropped, when a folder is among it; null: it is files alone. To be called while the event is handled. */
export function foldersOf(transfer: DataTransfer | null): FileSystemEntry[] | null {
  const entries = [...(transfer?.items ?? [])].flatMap((item) => item.webkitGetAsEntry() ?? []);
  return entries.some(({ isDirectory }) => isDirectory) ? entries : null;
}

/** All files below, without those that systems hide. */
export async function filesBelow(entries: FileSystemEntry[]): Promise<File[]> {
  const found: File[] = [];
  for (const entry of entries.sort((a, b) => a.name.localeCompare(b.name)))
    if (entry.name.startsWith(".")) continue;
    else if (entry.isDirectory) found.push(...(await filesBelow(await childrenOf(entry as FileSystemDirectoryEntry))));
    else {
      const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
      paths.set(file, entry.fullPath.replace(/^\//, ""));
      found.push(file);
    }
  return found;
}

async function childrenOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const found: FileSystemEntry[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return found; // they come a hundred at a time
    found.push(...some);
  }
}
