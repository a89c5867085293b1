// The script for bundlers: `import { Till } from "till-embed"`. The `host` setting is required.
import { install, Till as till } from "./src/install.js";

/** The page's one copy. A server that renders the page has no window, and only imports the module. */
export const Till = typeof window === "undefined" ? till : install(null);
export default Till;
