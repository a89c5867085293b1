// The `<till-pay>` element shows the widget inside the page. It follows its attributes.
import { openFor, readTarget } from "./dispatch.js";

const ATTRIBUTES = ["invoice", "token", "order"];

export function defineElement() {
  if (customElements.get("till-pay")) return;
  customElements.define("till-pay", class extends HTMLElement {
    static observedAttributes = ATTRIBUTES;
    /** The attributes that were opened last, and the widget that shows them. */
    opened = [];
    handle;
    scheduled = false;

    connectedCallback() {
      this.style.display ||= "block";
      this.update();
    }

    disconnectedCallback() {
      this.update();
    }

    attributeChangedCallback() {
      this.update();
    }

    /** Waits until the page has set all attributes, or moved the element. */
    update() {
      if (this.scheduled) return;
      this.scheduled = true;
      queueMicrotask(() => {
        this.scheduled = false;
        if (this.isConnected) this.follow();
        // What leaves the document is closed, and opened again if it comes back.
        else this.opened = [];
      });
    }

    follow() {
      const [invoice, token, order] = ATTRIBUTES.map((name) => this.getAttribute(name));
      const [openInvoice, openToken, openOrder] = this.opened;
      if (!invoice && !token && !order) {
        this.opened = [];
        return this.handle?.close();
      }
      // An invoice and its token change together: one of them alone belongs to the other of before.
      const isNew = order ? order !== openOrder : invoice && token && invoice !== openInvoice && token !== openToken;
      if (!isNew) return;
      this.opened = order ? [, , order] : [invoice, token];
      this.handle = openFor(this, () => readTarget(invoice, token, order), { container: this }) ?? this.handle;
    }
  });
}
