// What the page keeps in this browser between two visits: records by name, files among them.
const NAME = "fewstroke";
const TABLE = "kept";

let opened: Promise<IDBDatabase> | null = null;

function open(): Promise<IDBDatabase> {
  return (opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(TABLE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  }));
}

async function act<T>(mode: IDBTransactionMode, work: (table: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const database = await open();
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(TABLE, mode);
    const request = work(transaction.objectStore(TABLE));
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = transaction.onerror = () => reject(transaction.error);
  });
}

/** A record; undefined when there is none, or when this browser keeps nothing (a private window). */
export async function load<T>(name: string): Promise<T | undefined> {
  try {
    return await act("readonly", (table) => table.get(name) as IDBRequest<T | undefined>);
  } catch {
    return undefined;
  }
}

/** Keep a record; false when this browser does not. */
export async function save(name: string, record: unknown): Promise<boolean> {
  try {
    await act("readwrite", (table) => table.put(record, name));
    return true;
  } catch {
    return false;
  }
}
