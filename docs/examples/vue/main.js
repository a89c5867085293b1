import { createApp, onBeforeUnmount, onMounted, ref } from "vue/dist/vue.esm-bundler.js";
import { Till } from "till-embed";

const till = Till({ host: "https://till.example", project: "pk_..." });

/** Your server creates the invoice and responds with its id and client_token. */
async function order() {
  const response = await fetch("/orders", { method: "POST" });
  if (!response.ok) throw new Error("The order could not be created.");
  return response.json();
}

// Inline: the widget renders in the page, in the element that `place` refers to.
const Checkout = {
  setup() {
    const place = ref(null);
    const outcome = ref("");
    let widget;
    onMounted(() => {
      widget = till
        .open(order(), { container: place.value })
        // For display only: fulfill the order when your server receives the signed callback.
        .on("paid", ({ invoice }) => (outcome.value = `Thank you! ${invoice} is paid.`));
    });
    onBeforeUnmount(() => widget.close());
    return { place, outcome };
  },
  template: `
    <h1>Harbor at Dawn</h1>
    <div ref="place"></div>
    <p id="outcome" role="status">{{ outcome }}</p>
  `,
};

createApp(Checkout).mount("#app");
