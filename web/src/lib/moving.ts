// Whether a picture file moves: what its kind writes near its beginning.
const SIGNS: Record<string, string> = { "image/gif": "NETSCAPE2.0", "image/webp": "ANIM", "image/png": "acTL" };
const HEAD = 65_536; // bytes

export async function moves(blob: Blob): Promise<boolean> {
  const sign = SIGNS[blob.type];
  if (!sign) return false;
  return (await textOf(blob.slice(0, HEAD))).includes(sign);
}

/** Whether two files are the same, byte by byte. */
export async function alike(one: Blob, other: Blob): Promise<boolean> {
  if (one.size !== other.size) return false;
  const [a, b] = (await Promise.all([one.arrayBuffer(), other.arrayBuffer()])).map((bytes) => new Uint8Array(bytes));
  return a!.every((byte, at) => byte === b![at]);
}

async function textOf(blob: Blob): Promise<string> {
  return new TextDecoder("latin1").decode(await blob.arrayBuffer());
}
