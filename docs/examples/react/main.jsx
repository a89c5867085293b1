import React, { useState } from "react";
import { createRoot } from "react-dom/client";
import { Till } from "till-embed";

const till = Till({ host: "https://till.example", project: "pk_...", theme: "light" });

/** Your server makes the invoice and answers with its id and client_token. */
async function order() {
  const answer = await fetch("/orders", { method: "POST" });
  if (!answer.ok) throw new Error("The order could not be made.");
  return answer.json();
}

function Buy() {
  const [outcome, setOutcome] = useState("");
  // `open` takes the promise, so that it happens in the click itself: a popup would not be blocked.
  const buy = () =>
    till
      .open(order())
      // For display only: hand out goods when the signed callback comes to your server.
      .on("paid", ({ invoice }) => setOutcome(`Thank you! ${invoice} is paid.`))
      .on("error", ({ code }) => setOutcome(`That did not work (${code}).`));
  return (
    <>
      <h1>Harbour at Dawn</h1>
      <button id="buy" onClick={buy}>Buy</button>
      <p id="outcome" role="status">{outcome}</p>
    </>
  );
}

createRoot(document.getElementById("app")).render(<Buy />);
