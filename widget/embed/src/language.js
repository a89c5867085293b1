// The texts that the page shows without the widget, in the buyer's language.
import { TEXTS } from "./texts.js";

/**
 * Returns the best language with its texts, as the widget chooses it: by CLDR's likely subtags.
 * @param {{ locale?: string }} config
 * @returns {string[]} The language, the message and the name of the button.
 */
export function texts({ locale }) {
  for (const tag of [locale, ...navigator.languages]) {
    try {
      const { language, script } = new Intl.Locale(tag.replaceAll("_", "-")).maximize();
      const found = [`${language}-${script}`, language].find((name) => Object.hasOwn(TEXTS, name));
      if (found) return [found, ...TEXTS[found]];
    } catch {
      // Not a language tag.
    }
  }
  return ["en", ...TEXTS.en];
}

/**
 * Returns what the widget says about a type of problem. It is not a part of this script, as most pages never
 * show it.
 * @param {{ host: string }} config
 * @param {string} language
 * @param {string} code
 * @returns {Promise<string | undefined>}
 */
export async function problemText({ host }, language, code) {
  try {
    const response = await fetch(`${host}/v1/widget/texts?locale=${language}`, { signal: AbortSignal.timeout(3000) });
    return (await response.json())[code.replaceAll("-", "_")];
  } catch {
    // The script's own text is shown.
  }
}
