// Line icons, 24 px, drawn for this page.
const paths = {
  brush: "M4 20c3 .4 5.4-.6 5.4-3.2 0-1.7-1.3-2.8-2.8-2.8C4.4 14 4.8 17 4 20ZM9.2 14.2 19 4.5c.9-.8 2.2.5 1.5 1.5l-9 10",
  image: "M4 5h16v14H4zM4 16l4.5-4.5L13 16l3-3 4 4M15.5 9.5h.01",
  grid: "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z",
  folder: "M4 6h5.500l2 2.500H20V19H4z",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  eye: "M2.500 12S6 5.500 12 5.500 21.500 12 21.500 12 18 18.500 12 18.500 2.500 12 2.500 12M9.500 12a2.500 2.500 0 1 0 5 0 2.500 2.500 0 0 0-5 0",
  expand: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  share: "M12 15V4M8 7.500 12 3.500l4 4M5 12v8h14v-8",
  close: "M6 6l12 12M18 6 6 18",
  crop: "M7 2v15h15M2 7h15v15",
  left: "M14.5 6 8.5 12l6 6",
  right: "M9.5 6l6 6-6 6",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
  code: "M8.5 7 3.5 12l5 5M15.5 7l5 5-5 5",
  mask: "M4 12a8 8 0 1 0 16 0 8 8 0 0 0-16 0M12 4v16M12 8h6.5M12 12h8M12 16h6.5",
  key: "M14 10a4 4 0 1 1-4 4c0-.5.1-1 .3-1.4L4 6.3V4h3v2h2v2h2l1.6 1.6c.4-.2.9-.3 1.4-.3",
  more: "M6 12h.01M12 12h.01M18 12h.01",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10 11v5M14 11v5",
  edit: "M5 19l1-4L16 5l3 3L9 18zM14 7l3 3",
  link: "M10 14a4 4 0 0 0 5.7 0l3-3A4 4 0 0 0 13 5.3l-1 1M14 10a4 4 0 0 0-5.7 0l-3 3A4 4 0 0 0 11 18.7l1-1",
  upload: "M12 20V9M7 13l5-5 5 5M5 4h14",
  check: "M5 12.5l4.5 4.5L19 7.5",
  alert: "M12 4 2.5 20h19zM12 10v4.5M12 17.5h.01",
  offline: "M3 3l18 18M8.5 15.5a5 5 0 0 1 7 0M5 12a10 10 0 0 1 4.5-2.6M14 9.3A10 10 0 0 1 19 12M12 19h.01",
  look: "M4 12a8 8 0 1 0 16 0 8 8 0 0 0-16 0M4 12h16M12 4c-4.500 5-4.500 11 0 16 4.500-5 4.500-11 0-16",
  history: "M4 5v5h5M4.5 10a8 8 0 1 1-.3 4M12 8v4.500l3 2",
  undo: "M8 5 4 9l4 4M4 9h10a5.5 5.5 0 0 1 0 11h-4",
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  );
}
