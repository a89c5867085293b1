/** Types of Till's embed script, `till.js`. */

/** The CSS custom properties of the widget. A value that is invalid for its property is ignored. */
export interface Variables {
  /** The main button, the focus ring and the selected method. A color, by default `#1d4ed8`. */
  "--till-accent"?: string;
  /** Text on the accent color. A color, by default black or white for the better contrast. */
  "--till-on-accent"?: string;
  /** The background of the hosted page. A color. */
  "--till-page"?: string;
  /** The background of the widget. A color. */
  "--till-card"?: string;
  /** Text. A color. */
  "--till-text"?: string;
  /** Labels and hints. A color. */
  "--till-muted"?: string;
  /** Borders. A color. */
  "--till-line"?: string;
  /** Errors. A color. */
  "--till-bad"?: string;
  /** Success. A color. */
  "--till-good"?: string;
  /** The corner radius of fields and buttons. A length, by default `10px`. */
  "--till-radius"?: string;
  /** The font family, installed on the buyer's device. */
  "--till-font"?: string;
  /** The font size. A length, by default `16px`. Phones zoom in on fields with a smaller font. */
  "--till-font-size"?: string;
  /** The space between fields. A length, by default `14px`. */
  "--till-space"?: string;
}

/** Settings. Missing ones are read from the script tag's `data-` attributes. */
export interface Settings {
  /** The URL of the Till server. Required in a bundle; a script tag uses its own origin. */
  host?: string;
  /** The project's publishable key, `pk_...`. Required for orders and for preloading. */
  project?: string;
  /** How the widget opens, by default `iframe`. */
  mode?: Mode;
  /** The language, a BCP 47 tag. By default the order's, the project's or the browser's. */
  locale?: string;
  /** The color theme, by default the project's. */
  theme?: Theme;
  /** The CSS custom properties. */
  variables?: Variables;
}

/** An invoice that the project's server created through the JSON API. */
export interface InvoiceToPay {
  /** The invoice's `id`, `inv_...`. */
  invoice: string;
  /** The invoice's `client_token`. */
  token: string;
  order?: undefined;
}

/** An order from the page. The project's server confirms it (`check_url`). */
export interface OrderToPay {
  order: Order;
  invoice?: undefined;
  token?: undefined;
}

/** What to pay. */
export type ToPay = InvoiceToPay | OrderToPay;

// Generated from the types in `shared/src`; see `shared/src/typescript.rs`.

/** How a page opens the widget. */
export type Mode =
  | "iframe"
  | "popup";

/** The widget's color theme. */
export type Theme =
  | "auto"
  | "light"
  | "dark";

/** The events of a widget, in the order in which they occur. `ready`, `paid` and `expired` occur at most
 * once. */
export type EventName =
  | "open"
  | "popup_blocked"
  | "ready"
  | "fixation"
  | "verification"
  | "paid"
  | "declined"
  | "expired"
  | "error"
  | "close";

/** The detail of an event. For display only: deliver goods on the callback. */
export type TillEvent = {
  /** The invoice, once it is known. */
  invoice?: string;
  /** The payment, once there is one. */
  payment?: string;
  /** The invoice's status, or `error`. */
  status: string;
  /** A decline code, a problem type or, if the widget cannot start, what went wrong. */
  code?: string;
  /** What went wrong, in English. For developers. */
  message?: string;
};

/** An order as a project sends it. */
export type Order = {
  /** The project's order number, unique within the project. */
  order_id: string;
  /** The amount, in minor units. From a page also a decimal string such as `"19.99"`. */
  amount: number | string;
  /** The currency, ISO 4217. */
  currency: string;
  /** The description shown to the buyer. */
  description?: string;
  /** The line items. */
  items?: Array<Item>;
  /** The buyer's details, as far as they are known. Invalid ones count as missing, and the buyer is
   * asked for them. */
  buyer?: Buyer;
  /** The language of the widget, a BCP 47 tag. */
  locale?: string;
  /** Where the buyer goes after a successful payment. */
  success_url?: string;
  /** Where the buyer goes otherwise. */
  failure_url?: string;
  /** The payment method. From a project's server: the payment is submitted at once. From a page:
   * the method that the widget offers first. */
  method?: Method;
  /** The project's own data: at most 50 entries, keys up to 40 and values up to 500 characters. */
  metadata?: Record<string, string>;
};

/** A line item of an order, for display. */
export type Item = {
  /** The name of the item. */
  name: string;
  /** The quantity. */
  quantity: number;
  /** The unit price, in minor units of the invoice's currency. */
  amount: number;
};

/** The buyer's details, as far as they are known. */
export type Buyer = {
  /** An e-mail address. */
  email?: string;
  /** A full name. */
  name?: string;
  /** A telephone number. */
  phone?: string;
  /** An ISO 3166-1 alpha-2 code. */
  country?: string;
};

/** A payment method. */
export type Method =
  | "card"
  | "paypal"
  | "ideal"
  | "bancontact"
  | "eps";

// End of the generated declarations.

/** An open widget. */
export interface Handle {
  on(event: EventName, listener: (event: TillEvent) => void): Handle;
  off(event: EventName, listener: (event: TillEvent) => void): Handle;
  /**
   * Closes the widget. While a payment is in progress, the widget asks the buyer first. It never
   * throws, and can be called at any time, also after the page has removed the widget.
   */
  close(): void;
}

export interface TillInstance {
  /**
   * Opens the widget in a dialog, in a popup or, with a `container`, in that element. Call it during
   * the click, or the browser blocks the popup. With a promise, the popup opens at once and waits.
   * What is open already is focused, and the same handle is returned. In the dialog and in each
   * container, a different invoice opens once the one before has closed.
   *
   * @throws TypeError without an invoice and its token, and without an order.
   */
  open(what: ToPay | Promise<ToPay>, options?: { container?: Element | null }): Handle;
}

/** Returns an instance for the settings. Also `window.Till`, if a script tag loaded it. */
export function Till(settings?: Settings): TillInstance;
export default Till;

type TillFunction = typeof Till;
declare global {
  interface Window {
    Till: TillFunction;
    /** The buttons that were pressed before `till.js` was loaded; see `docs/widget.md`. */
    tillPresses?: Element[];
  }
  /** Events on the element that opened the widget: `till:open`, `till:paid` and so on. */
  interface GlobalEventHandlersEventMap extends Record<`till:${EventName}`, CustomEvent<TillEvent>> {}
}
