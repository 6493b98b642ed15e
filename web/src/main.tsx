import { render } from "preact";
import { App } from "./app";
import { keepFocus } from "./lib/focus";
import { listenForFiles } from "./state/intake";
import "./css/base.css";
import "./css/controls.css";
import "./css/layout.css";
import "./css/make.css";
import "./css/use.css";
import "./css/styles.css";

const root = document.getElementById("app")!;
listenForFiles();
render(<App />, root);
keepFocus(root, () => document.getElementById("content"));
