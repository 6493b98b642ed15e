// The frame: sections, notices, dialogs that any part may need.
import { effect, signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { t } from "./i18n";
import { pictures } from "./state/draft";
import { findRunning, learning, over, uploading } from "./state/learning";
import { hasKey, question } from "./state/key";
import { connection } from "./state/net";
import { queueWait } from "./state/queue";
import { href, route, type Route } from "./state/route";
import { refresh } from "./state/styles";
import { Icon, type IconName } from "./ui/icons";
import { KeyDialog } from "./ui/KeyDialog";
import { Notice } from "./ui/Notice";
import { Options } from "./ui/Options";
import { Toasts } from "./ui/Toasts";
import { Make } from "./views/make/Make";
import { Results } from "./views/results/Results";
import { Shared } from "./views/shared/Shared";
import { StylePage } from "./views/styles/StylePage";
import { Styles } from "./views/styles/Styles";
import { Use } from "./views/use/Use";

/** What comes when it is asked for: who came for pictures does not wait for it. */
const parts = {
  music: async () => (await import("./views/music/Music")).Music,
  check: async () => (await import("./views/check/Check")).Check,
  batches: async () => (await import("./views/batches/Batches")).Batches,
};
type Part = keyof typeof parts;
const isPart = (view: Route["view"]): view is Part => view in parts;

type Section = Exclude<Route["view"], "shared" | Part>; // which are reached from others

const sections: { view: Section; icon: IconName; to: () => string }[] = [
  { view: "make", icon: "brush", to: () => (learning.value ? href.learning(learning.value.jobId) : href.make) },
  { view: "use", icon: "image", to: () => href.use() },
  { view: "styles", icon: "grid", to: () => href.styles },
  { view: "results", icon: "history", to: () => href.results },
];

/** What is made here: each has a page of its own. */
const kinds = [
  { name: "pictures", to: href.make, shows: (view: Route["view"]) => view !== "music" },
  { name: "music", to: href.music, shows: (view: Route["view"]) => view === "music" },
] as const;

function nameOf({ view }: Route): string {
  return view === "shared" ? t.share.shownPlain : isPart(view) ? t[view].title : t.app[view];
}

effect(() => {
  const now = learning.value;
  const working = now && !over(now) ? ` · ${t.app.learning(now.step, now.steps)}` : "";
  document.title = `${nameOf(route.value)}${working} · Fewstroke`;
});

const options = signal(false); // whether they are open

export function App() {
  const main = useRef<HTMLElement>(null);
  const view = route.value.view;
  const page = view !== "make" ? view : (route.value.job ?? (pictures.value.length ? "chosen" : "empty"));
  const first = useRef(true);
  useEffect(() => {
    if (view === "shared") return; // whoever comes by such a link may have no key
    void refresh();
    void findRunning();
  }, [view === "shared"]);
  useEffect(() => {
    if (!first.current) scrollTo({ top: 0 });
  }, [page]);
  useEffect(() => {
    if (!first.current) main.current?.focus({ preventScroll: true });
    first.current = false;
  }, [view]);
  return (
    <>
      <a
        class="skip"
        href="#content"
        onClick={(event) => {
          event.preventDefault();
          main.current?.focus();
        }}
      >
        {t.app.skip}
      </a>
      <Header />
      <main id="content" ref={main} tabIndex={-1} aria-label={nameOf(route.value)}>
        <Notices />
        {view === "make" && <Make />}
        {view === "use" && <Use />}
        {route.value.view === "styles" && (route.value.style ? <StylePage key={route.value.style} id={route.value.style} /> : <Styles />)}
        {view === "results" && <Results />}
        {isPart(view) && <Later key={view} name={view} />}
        {route.value.view === "shared" && <Shared token={route.value.token} />}
      </main>
      <Toasts />
      {options.value && <Options onClose={() => (options.value = false)} />}
      {question.value && <KeyDialog />}
    </>
  );
}

const loaded = signal<Partial<Record<Part, () => JSX.Element>>>({});

function Later({ name }: { name: Part }) {
  useEffect(() => void parts[name]().then((part) => (loaded.value = { ...loaded.value, [name]: part })), [name]);
  const Found = loaded.value[name];
  return Found ? <Found /> : <p class="status" role="status">{t.app.loading}</p>;
}

function Header() {
  const here = route.value.view;
  return (
    <header class="top">
      <a class="mark" href={href.make} aria-label="Fewstroke">
        <svg viewBox="0 0 32 32" aria-hidden="true">
          <path d="M4 24c4-11 11.500-17 24-16.600-6 2-8.800 4.800-10 8.400 3.400-1.200 6-1.200 8.400-.2-7.400.8-10 4.800-11.600 12" />
        </svg>
        <span>Fewstroke</span>
      </a>
      <nav class="kinds" aria-label={t.app.kinds}>
        {kinds.map(({ name, to, shows }) => (
          <a key={name} href={to} aria-current={shows(here) ? "true" : undefined}>
            {t.app[name]}
          </a>
        ))}
      </nav>
      <nav class="sections" aria-label={t.app.nav}>
        {sections.map(({ view, icon, to }) => (
          <a key={view} href={to()} aria-current={view === here ? "page" : undefined}>
            <Icon name={icon} />
            <span>{t.app[view]}</span>
          </a>
        ))}
      </nav>
      <div class="corner">
        <Working />
        <button
          type="button"
          class="quiet square"
          aria-label={t.options.title}
          title={t.options.title}
          onClick={() => (options.value = true)}
        >
          <Icon name="look" />
        </button>
        {hasKey.value && (
          <button
            type="button"
            class="quiet square"
            aria-label={t.key.manage}
            title={t.key.manage}
            onClick={() => (question.value = { refused: false })}
          >
            <Icon name="key" />
          </button>
        )}
        <a class="api" href="docs" aria-label={t.app.api}>
          API
        </a>
      </div>
    </header>
  );
}

/** A job that goes on while another section is shown. */
function Working() {
  const now = learning.value;
  if (!now || over(now) || route.value.view === "make") return null;
  return (
    <a class="working" href={href.learning(now.jobId)} title={t.app.backToLearning}>
      <i aria-hidden="true" />
      {t.app.learning(now.step, now.steps)}
    </a>
  );
}

function Notices() {
  const state = connection.value;
  const saidByForm = uploading.value !== null && route.value.view === "make";
  return (
    <div class="notices">
      {state === "offline" && (
        <Notice icon="offline" tone="warn">
          {t.net.offline}
        </Notice>
      )}
      {state === "unreachable" && (
        <Notice icon="offline" tone="warn">
          {t.net.unreachable}
        </Notice>
      )}
      {queueWait.value !== null && !saidByForm && <Notice tone="warn" silent>{t.queue.full(queueWait.value)}</Notice>}
    </div>
  );
}
