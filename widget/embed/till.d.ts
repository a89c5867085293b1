/** Types of Till's embed script, `till.js`. */

/** How the widget opens: over the page, or in a window of its own. */
export type Mode = "iframe" | "popup";

/** CSS custom properties of the widget. Values only; one that its property does not take is dropped. */
export interface Variables {
  /** The main button, focus, and what is chosen. A colour; `#1d4ed8`. */
  "--till-accent"?: string;
  /** Text on the accent. A colour; black or white, whichever is read better. */
  "--till-on-accent"?: string;
  /** Around the card, where the widget fills a window. A colour. */
  "--till-page"?: string;
  /** Behind everything. A colour. */
  "--till-card"?: string;
  /** Text. A colour. */
  "--till-text"?: string;
  /** Labels and hints. A colour. */
  "--till-muted"?: string;
  /** Borders. A colour. */
  "--till-line"?: string;
  /** Errors. A colour. */
  "--till-bad"?: string;
  /** Success. A colour. */
  "--till-good"?: string;
  /** Corners of fields and buttons. A length; `10px`. */
  "--till-radius"?: string;
  /** A font family that the buyer's device has. */
  "--till-font"?: string;
  /** The size of text. A length; `16px`. Below that, phones zoom in on a field. */
  "--till-font-size"?: string;
  /** The space between fields. A length; `12px`. */
  "--till-space"?: string;
}

/** Settings. What is absent is taken from the script tag's `data-` attributes. */
export interface Settings {
  /** Till's address. Needed where a bundler has the script; a script tag knows where it came from. */
  host?: string;
  /** The project's publishable key, `pk_...`. Needed for orders, and to be ready before the click. */
  project?: string;
  /** How it opens; `iframe` where nothing is said. */
  mode?: Mode;
  /** A BCP 47 language tag; the order's, the project's or the browser's where nothing is said. */
  locale?: string;
  /** Its colours; the project's choice where nothing is said. */
  theme?: "auto" | "light" | "dark";
  /** Its looks in detail. */
  variables?: Variables;
}

/** An invoice that the project's server made through the JSON API. */
export interface InvoiceToPay {
  /** Its `id`, `inv_...`. */
  invoice: string;
  /** Its `client_token`. */
  token: string;
  order?: undefined;
}

/** An order of the page's own; the project's server confirms it (`check_url`). */
export interface OrderToPay {
  order: Order;
  invoice?: undefined;
  token?: undefined;
}

/** An order. */
export interface Order {
  /** The project's own number, unique in the project. */
  order_id: string;
  /** Decimal text such as `"19.99"`, or minor units as a whole number. */
  amount: string | number;
  /** ISO 4217. */
  currency: string;
  /** What the buyer reads. */
  description?: string;
  /** The order's lines; `amount` in minor units. */
  items?: { name: string; quantity: number; amount: number }[];
  /** What is known of the buyer. */
  buyer?: { email?: string; name?: string; phone?: string; country?: string };
  /** A BCP 47 language tag. */
  locale?: string;
  success_url?: string;
  failure_url?: string;
  metadata?: Record<string, string>;
}

/** What can be paid. A promise of it will do: the popup then opens at once, in the click. */
export type ToPay = InvoiceToPay | OrderToPay;

/** The events, in the order in which they come; `ready` and `paid` come once at most. */
export type EventName =
  | "open"
  | "popup_blocked"
  | "ready"
  | "fixation"
  | "verification"
  | "paid"
  | "declined"
  | "error"
  | "close";

/** What an event tells. For display only: goods are handed out on the callback. */
export interface TillEvent {
  /** The invoice, once it is known. */
  invoice?: string;
  /** The payment, once there is one. */
  payment?: string;
  /** The invoice's status, or `error`. */
  status: string;
  /** A decline code or a problem type. */
  code?: string;
}

/** An open widget. */
export interface Handle {
  on(event: EventName, listener: (event: TillEvent) => void): Handle;
  off(event: EventName, listener: (event: TillEvent) => void): Handle;
  /** Closes it; the widget asks the buyer first while money may be moving. */
  close(): void;
}

export interface TillInstance {
  /**
   * Opens the widget: over the page, in a window, or, with a `container`, in that element. Call it
   * inside the click itself, or the browser blocks the popup.
   *
   * @throws TypeError when neither an invoice with its token nor an order is given.
   */
  open(what: ToPay | Promise<ToPay>, options?: { container?: Element }): Handle;
}

/** Takes settings; opens widgets. As `window.Till` where a script tag loaded it. */
export function Till(settings?: Settings): TillInstance;
export default Till;

type TillFunction = typeof Till;
declare global {
  interface Window {
    Till: TillFunction;
  }
  /** Events on the element that opened the widget: `till:open`, `till:paid` and so on. */
  interface GlobalEventHandlersEventMap extends Record<`till:${EventName}`, CustomEvent<TillEvent>> {}
}
