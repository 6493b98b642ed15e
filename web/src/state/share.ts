// A result that others may see: a page with a link of its own, until the person ends that.
import { call } from "../api/client";

/** The address of the page. */
export async function shareImage(image: string): Promise<string> {
  const { token } = await call("put", "/v1/images/{image_id}/share", { path: { image_id: image } });
  return new URL(`#/shared/${token}`, document.baseURI).href;
}

export async function endShare(image: string): Promise<void> {
  await call("delete", "/v1/images/{image_id}/share", { path: { image_id: image } });
}

/** Whether this device passes pictures on to other programs. */
export function passesOn(file: File): boolean {
  return navigator.canShare?.({ files: [file] }) ?? false;
}

/** Give the picture to another program; false when the person thought better of it. */
export async function passOn(file: File, title: string): Promise<boolean> {
  try {
    await navigator.share({ files: [file], title });
    return true;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") return false;
    throw error;
  }
}
