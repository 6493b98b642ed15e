// Focus that lost its element goes to the content, not to the top of the page.
let last: Element | null = null;

/** Watch `root`: when the focused element is taken away and nothing else takes the focus, `landing` does. */
export function keepFocus(root: Element, landing: () => HTMLElement | null): void {
  addEventListener("focusin", (event) => (last = event.target as Element));
  new MutationObserver(() => {
    if (!last || last.isConnected) return;
    last = null;
    // Two frames: whoever took the element away may have a better place in mind.
    requestAnimationFrame(() =>
      requestAnimationFrame(() => {
        if (document.activeElement === document.body) landing()?.focus({ preventScroll: true });
      }),
    );
  }).observe(root, { childList: true, subtree: true });
}
