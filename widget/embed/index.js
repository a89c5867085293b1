// The same script for bundlers: `import { Till } from "till-embed"`, with `host` in the settings.
import "./till.js";

export const Till = window.Till;
export default Till;
