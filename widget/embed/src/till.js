// The script tag's entry: `<script src="https://HOST/till.js" data-project="pk_...">`. Content security policy:
// `script-src HOST; frame-src HOST`.
import { install } from "./install.js";

install(document.currentScript);
