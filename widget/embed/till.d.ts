/** Types of Till's embed script, `till.js`. */

/** How the widget opens: over the page, or in a window of its own. */
export type Mode = "iframe" | "popup";

/** Settings. What is absent is taken from the script tag's `data-` attributes. */
export interface Settings {
  /** The project's publishable key, `pk_...`. Needed for orders, not for invoices. */
  project?: string;
  /** How it opens; `iframe` where nothing is said. */
  mode?: Mode;
  /** A BCP 47 language tag; the browser's own where nothing is said. */
  locale?: string;
  /** Its colours; the project's choice where nothing is said. */
  theme?: "auto" | "light" | "dark";
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

/** The events, in the order in which they come. */
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

declare global {
  interface Window {
    Till(settings?: Settings): TillInstance;
  }
  function Till(settings?: Settings): TillInstance;
}
