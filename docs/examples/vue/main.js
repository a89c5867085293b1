import { createApp, onBeforeUnmount, onMounted, ref, shallowRef, watch } from "vue/dist/vue.esm-bundler.js";
import { Till } from "till-embed";

const till = Till({ host: "https://till.example", project: "pk_..." });

/** Your server creates the invoice and responds with its id and client_token. */
async function createOrder(product) {
  const response = await fetch("/orders", { method: "POST", body: product });
  if (!response.ok) throw new Error("The order could not be created.");
  return response.json();
}

// The widget in the page, in the element that `place` refers to. It follows the order.
const Checkout = {
  props: { order: Object },
  emits: ["paid"],
  setup(props, { emit }) {
    const place = ref(null);
    let widget;
    const show = () => {
      // In a container that shows a widget, the next one opens once the first has closed.
      widget = till.open(props.order, { container: place.value }).on("paid", (event) => emit("paid", event));
    };
    onMounted(show);
    watch(() => props.order, show);
    onBeforeUnmount(() => widget.close());
    return { place };
  },
  template: `<div ref="place"></div>`,
};

const Shop = {
  components: { Checkout },
  setup() {
    const order = shallowRef(null);
    const outcome = ref("");
    const buy = async (product) => {
      try {
        order.value = await createOrder(product);
      } catch (error) {
        outcome.value = error.message;
      }
    };
    // For display only: fulfill the order when your server receives the signed callback.
    const thank = ({ invoice }) => (outcome.value = `Thank you! ${invoice} is paid.`);
    return { order, outcome, buy, thank };
  },
  template: `
    <h1>Prints</h1>
    <button id="harbor" type="button" @click="buy('harbor')">Harbor at Dawn</button>
    <button id="forest" type="button" @click="buy('forest')">Forest at Noon</button>
    <button id="leave" type="button" @click="order = null">Back to the shop</button>
    <Checkout v-if="order" :order="order" @paid="thank" />
    <p id="outcome" role="status">{{ outcome }}</p>
  `,
};

createApp(Shop).mount("#app");
