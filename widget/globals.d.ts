// Global types for the type check of `boot.js` and `embed/src/till.js`. The scripts do not load it.

type ToPage = import("./messages").ToPage;
type ToWidget = import("./messages").ToWidget;

/** A message that the widget receives: from the page or from the return page. */
type FromPage = { till?: ToWidget["till"] } & Partial<import("./messages").InvoiceAndToken> &
  Partial<import("./messages").Returned>;

interface Window {
  /** Set by till.js. */
  Till: typeof import("./embed/till").Till;
  /** Set by boot.js; declared for Rust in src/host.rs. */
  till: Record<string, unknown>;
  /** The buttons that were pressed before till.js was there; set by the page, see docs/widget.md. */
  tillPresses?: Element[];
}

interface Navigator {
  /** The Network Information API is not in TypeScript's library. */
  connection?: { saveData: boolean };
}

// The scripts call these on HTML elements only.
interface SVGScriptElement {
  src: string;
}
interface Element {
  focus(): void;
}
interface EventTarget {
  closest<E extends Element = Element>(selector: string): E | null;
}
