// The settings of an instance and of the script tag, and the widget's URL.

const SETTINGS = ["host", "project", "mode", "locale", "theme", "variables"];
const MODES = ["iframe", "popup"];
let script = null;
/** The settings of the script tag. */
export let preset = {};

export function setScript(element) {
  script = element;
  preset = element?.dataset ?? {};
}

/** Returns the settings of an instance, with the script tag's where they are missing. */
export function configure(settings = {}) {
  const config = { mode: "iframe" };
  for (const name of SETTINGS) config[name] = settings?.[name] ?? preset[name] ?? config[name];
  if (!MODES.includes(config.mode)) {
    throw new TypeError(`Till: mode must be one of ${MODES.join(", ")}, not ${config.mode}`);
  }
  if (!config.host && !script) throw new TypeError("Till: host is missing");
  try {
    config.host = new URL(config.host ?? script.src).origin;
  } catch {
    throw new TypeError(`Till: host must be a URL, not ${config.host}`);
  }
  return config;
}

/** Returns the URL of the widget: for an invoice, or for a project to preload it. */
export function widgetUrl({ host, project, locale, theme, variables }, mode, invoice, token) {
  const query = new URLSearchParams({ mode, origin: location.origin });
  const fragment = new URLSearchParams();
  if (locale) query.set("locale", locale);
  if (theme) query.set("theme", theme);
  if (!invoice) query.set("project", project);
  if (token) fragment.set("token", token);
  if (variables) fragment.set("variables", typeof variables === "string" ? variables : JSON.stringify(variables));
  return `${host}/pay/${encodeURIComponent(invoice ?? "frame")}?${query}#${fragment}`;
}

/** Returns a URL of the widget with its parameters as this script writes them. */
function normalized(text) {
  const url = new URL(text);
  url.searchParams.delete("preload");
  url.searchParams.sort();
  const fragment = new URLSearchParams(url.hash.slice(1));
  fragment.sort();
  url.hash = String(fragment);
  return url.href;
}

/** Returns whether two URLs show the same in the widget. */
export const sameUrl = (one, other) => normalized(one) === normalized(other);

/** Returns the colors of what the page shows before the widget is there. */
export function colors({ theme }) {
  const dark = theme === "dark" || (theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  return dark
    ? { colorScheme: "dark", background: "#15181f", color: "#eceef2" }
    : { colorScheme: "light", background: "#fff", color: "#14171f" };
}
