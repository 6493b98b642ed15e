import { render } from "preact";
import { App } from "./app";
import { keepFocus } from "./lib/focus";
import { listenForFiles } from "./state/intake";
import "./state/keep";
import "./css/base.css";
import "./css/controls.css";
import "./css/layout.css";
import "./css/make.css";
import "./css/use.css";
import "./css/styles.css";

const root = document.getElementById("app")!;
listenForFiles();
// In a task of its own: on a slow phone the script and the first drawing would together block a touch.
setTimeout(() => {
  render(<App />, root);
  keepFocus(root, () => document.getElementById("content"));
});
