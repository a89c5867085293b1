import React, { useState } from "react";
import { createRoot } from "react-dom/client";
import { Till } from "till-embed";

const till = Till({ host: "https://till.example", project: "pk_...", theme: "light" });

/** Your server creates the invoice and responds with its id and client_token. */
async function order() {
  const response = await fetch("/orders", { method: "POST" });
  if (!response.ok) throw new Error("The order could not be created.");
  return response.json();
}

function Buy() {
  const [outcome, setOutcome] = useState("");
  // Pass the promise: `open` must run inside the click, or the browser blocks the popup.
  const buy = () =>
    till
      .open(order())
      // For display only: fulfill the order when your server receives the signed callback.
      .on("paid", ({ invoice }) => setOutcome(`Thank you! ${invoice} is paid.`))
      .on("error", ({ code }) => setOutcome(`Something went wrong (${code}).`));
  return (
    <>
      <h1>Harbor at Dawn</h1>
      <button id="buy" type="button" onClick={buy}>Buy</button>
      <p id="outcome" role="status">{outcome}</p>
    </>
  );
}

createRoot(document.getElementById("app")).render(<Buy />);
