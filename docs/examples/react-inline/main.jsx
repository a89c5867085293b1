import React, { StrictMode, useEffect, useRef, useState } from "react";
import { createRoot } from "react-dom/client";
import { Till } from "till-embed";

const till = Till({ host: "https://till.example", project: "pk_..." });

/** Your server creates the invoice and responds with its id and client_token. */
async function createOrder(product) {
  const response = await fetch("/orders", { method: "POST", body: product });
  if (!response.ok) throw new Error("The order could not be created.");
  return response.json();
}

/** The widget in the page. It follows the order. */
function Checkout({ order, onPaid }) {
  const place = useRef(null);
  useEffect(() => {
    const widget = till.open(order, { container: place.current }).on("paid", onPaid);
    // While a payment is in progress, the widget asks the buyer first, and the next order waits.
    return () => widget.close();
  }, [order]);
  return <div ref={place} />;
}

function Shop() {
  const [order, setOrder] = useState(null);
  const [outcome, setOutcome] = useState("");
  const buy = (product) => createOrder(product).then(setOrder, (error) => setOutcome(error.message));
  return (
    <>
      <h1>Prints</h1>
      <button id="harbor" type="button" onClick={() => buy("harbor")}>Harbor at Dawn</button>
      <button id="forest" type="button" onClick={() => buy("forest")}>Forest at Noon</button>
      <button id="leave" type="button" onClick={() => setOrder(null)}>Back to the shop</button>
      {/* For display only: fulfill the order when your server receives the signed callback. */}
      {order && <Checkout order={order} onPaid={({ invoice }) => setOutcome(`Thank you! ${invoice} is paid.`)} />}
      <p id="outcome" role="status">{outcome}</p>
    </>
  );
}

createRoot(document.getElementById("app")).render(<StrictMode><Shop /></StrictMode>);
