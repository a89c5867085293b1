// Generated from the types in `shared/src`; see `shared/src/typescript.rs`.

/** A message from the widget to the page. */
export type ToPage =
  | { "till": "loaded" }
  | { "till": "named" } & Names
  | { "till": "ready" } & TillEvent
  | { "till": "fixation" } & TillEvent
  | { "till": "verification" } & TillEvent
  | { "till": "paid" } & TillEvent
  | { "till": "declined" } & TillEvent
  | { "till": "expired" } & TillEvent
  | { "till": "error" } & TillEvent
  | { "till": "close" } & TillEvent
  | { "till": "resize" } & Size
  | { "till": "navigate" } & Destination
  | { "till": "leaving" };

/** A message from the page to the widget. */
export type ToWidget =
  | { "till": "prepare" } & InvoiceAndToken
  | { "till": "open" } & InvoiceAndToken
  | { "till": "close" };

/** An invoice and the token that gives access to it. */
export type InvoiceAndToken = {
  /** The invoice's `id`. */
  invoice: string;
  /** The invoice's `client_token`. */
  token: string;
};

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

/** The accessible names of the widget, in its language. */
export type Names = {
  /** The name of the dialog and of the frame. */
  payment: string;
  /** The name of the close button. */
  close: string;
};

/** The size of the widget's content. */
export type Size = {
  /** The height in CSS pixels. */
  height: number;
};

/** Where the page has to go. */
export type Destination = {
  /** The URL, http or https. */
  url: string;
};

/** A message from the return page to the widget that opened the verification form. */
export type Returned = {
  /** The payment that the buyer returned from. */
  till_returned: ReturnedPayment;
};

/** The content of the return page's message. */
export type ReturnedPayment = {
  /** The payment's id. */
  payment: string;
};

/** A message from the page with a captcha to the payment page around it. */
export type FromCaptcha = {
  /** The captcha's state. */
  till_captcha: CaptchaState;
};

/** The state of a captcha. */
export type CaptchaState = {
  /** The height that it needs, in CSS pixels. */
  height: number;
  /** When it is solved, the provider's token for the payment fixation. */
  token: string | null;
};
