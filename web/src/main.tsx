import { render } from "preact";
import { App } from "./app";
import "./css/base.css";
import "./css/controls.css";
import "./css/layout.css";
import "./css/make.css";
import "./css/use.css";
import "./css/styles.css";

render(<App />, document.getElementById("app")!);
