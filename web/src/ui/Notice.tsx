import type { ComponentChildren } from "preact";
import { Icon, type IconName } from "./icons";

interface Props {
  icon?: IconName;
  tone?: "note" | "warn" | "error";
  children: ComponentChildren;
  action?: ComponentChildren;
  silent?: boolean; // not read out whenever it changes
}

/** A sentence that stays until its cause is gone. */
export function Notice({ icon = "alert", tone = "note", children, action, silent }: Props) {
  return (
    <div class={`notice ${tone}`} role={silent ? undefined : tone === "error" ? "alert" : "status"}>
      <Icon name={icon} />
      <p>{children}</p>
      {action}
    </div>
  );
}
