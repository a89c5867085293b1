// The script for bundlers: `import { Till } from "till-embed"`. The `host` setting is required.
import "./till.js";

export const Till = window.Till;
export default Till;
