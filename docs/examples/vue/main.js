import { createApp, onBeforeUnmount, onMounted, ref } from "vue/dist/vue.esm-bundler.js";
import { Till } from "till-embed";

const till = Till({ host: "https://till.example", project: "pk_..." });

/** Your server makes the invoice and answers with its id and client_token. */
async function order() {
  const answer = await fetch("/orders", { method: "POST" });
  if (!answer.ok) throw new Error("The order could not be made.");
  return answer.json();
}

// Inline: the widget stands in the page, here in the element that `place` refers to.
const Checkout = {
  setup() {
    const place = ref(null);
    const outcome = ref("");
    let widget;
    onMounted(() => {
      widget = till
        .open(order(), { container: place.value })
        // For display only: hand out goods when the signed callback comes to your server.
        .on("paid", ({ invoice }) => (outcome.value = `Thank you! ${invoice} is paid.`));
    });
    onBeforeUnmount(() => widget.close());
    return { place, outcome };
  },
  template: `
    <h1>Harbour at Dawn</h1>
    <div ref="place"></div>
    <p id="outcome" role="status">{{ outcome }}</p>
  `,
};

createApp(Checkout).mount("#app");
