// Language and look.
import { language, speak, t, type Language } from "../i18n";
import { theme, type Theme } from "../state/theme";
import { Dialog } from "./Dialog";
import { Segmented } from "./Segmented";

const languages: { value: Language; label: string }[] = [
  { value: "en", label: "English" },
  { value: "zh", label: "中文" },
];
const themes: Theme[] = ["auto", "light", "dark"];

export function Options({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title={t.options.title} onClose={onClose}>
      <Segmented legend={t.options.language} name="language" value={language} onChange={speak} options={languages} />
      <Segmented
        legend={t.options.theme}
        name="theme"
        value={theme.value}
        onChange={(value) => (theme.value = value)}
        options={themes.map((value) => ({ value, label: t.options.themes[value] }))}
      />
    </Dialog>
  );
}
