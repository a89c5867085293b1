// The message that the widget could not be loaded. It is shown by the page, as the widget is not there.
import { colors } from "../settings.js";
import { styled } from "./frame.js";

/**
 * Returns the message with a button that tries again.
 * @param {any} config
 * @param {string[]} texts
 * @param {string} reason
 * @param {() => void} retry
 */
export function failurePanel(config, [language, failed, tryAgain], reason, retry) {
  const panel = styled(document.createElement("div"), {
    ...colors(config), minHeight: "160px", padding: "56px 24px 24px", display: "grid", alignContent: "center",
    justifyItems: "center", gap: "16px", textAlign: "center", font: "16px/1.5 system-ui, sans-serif",
  });
  panel.lang = language;
  panel.dir = "auto";
  panel.setAttribute("role", "alert");
  panel.dataset.till = "failed";
  for (const text of reason ? [failed, reason] : [failed]) {
    const line = styled(document.createElement("p"), { margin: "0", fontWeight: text === failed ? "600" : "" });
    line.dir = "auto";
    line.textContent = text;
    panel.append(line);
  }
  const button = styled(document.createElement("button"), {
    minHeight: "44px", padding: "0 20px", border: "1px solid", borderRadius: "10px", font: "inherit", color: "inherit",
    background: "none", cursor: "pointer",
  });
  button.type = "button";
  button.textContent = tryAgain;
  button.onclick = retry;
  panel.append(button);
  return { panel, button };
}
