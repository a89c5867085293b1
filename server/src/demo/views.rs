//! The HTML of the shop's pages.

use super::orders::{MAX_QUANTITY, OrderView, PRICE, PRODUCT, format_price};
use super::shop::Shop;
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// Renders a page around `main`. `nonce` is the nonce of the content security policy.
pub fn page(shop: &Shop, title: &str, nonce: &str, with_widget: bool, main: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="icon" href="data:,";
                link rel="stylesheet" href="/shop.css";
                script src="/shop.js" nonce=(nonce) defer {}
                @if with_widget {
                    script src={ (shop.widget_origin) "/till.js" } data-project=(shop.pk)
                        data-mode="iframe" nonce=(nonce) async {}
                }
            }
            body data-project=(shop.pk) {
                header class="bar" {
                    a class="brand" href="/" { "The Little Print Shop" }
                    nav aria-label="Shop" { a href="/orders" { "Orders" } }
                }
                main { (main) }
                footer class="bar" {
                    "This is a demo shop. It ships nothing, keeps its orders until it restarts, and "
                    "shows them to every visitor."
                }
            }
        }
    }
}

/// Renders the product page. With a sandbox, it lists test cards.
pub fn home(orders: &[OrderView], sandbox_url: Option<&str>) -> Markup {
    html! {
        section class="product" {
            (PreEscaped(include_str!("assets/print.svg")))
            div {
                h1 { (PRODUCT) }
                p class="price" { strong id="price" data-cents=(PRICE) { (format_price(PRICE)) } }
                p class="lead" {
                    "Two colors and a lot of morning light, on 250 g cotton paper. Rolled, not folded."
                }
                (order_form())
            }
        }
        @if let Some(url) = sandbox_url {
            (test_cards(url))
        }
        section aria-labelledby="orders-title" {
            h2 id="orders-title" { "Orders" }
            (orders_table(orders))
            p class="empty quiet" { "No orders yet." }
        }
    }
}

fn order_form() -> Markup {
    html! {
        form id="buy" action="/orders/link" method="post" {
            div class="fields" {
                p class="field" {
                    label for="quantity" { "Quantity" }
                    input id="quantity" name="quantity" type="number" inputmode="numeric" min="1"
                        max=(MAX_QUANTITY) value="1" required;
                }
                p class="field" {
                    label for="email" { "Email " span class="quiet" { "(optional)" } }
                    input id="email" name="email" type="email" autocomplete="email" maxlength="254"
                        placeholder="you@example.com";
                }
            }
            div class="ways" {
                button id="buy-iframe" type="button" data-way="iframe" class="primary" { "Buy now" }
                button id="buy-popup" type="button" data-way="popup" { "Buy in a popup" }
                button id="buy-link" type="submit" { "Buy on the payment page" }
            }
            p id="status" class="status" role="status" aria-live="polite" {}
        }
    }
}

fn test_cards(sandbox_url: &str) -> Markup {
    html! {
        section class="card" id="test-cards" aria-labelledby="cards-title" {
            h2 id="cards-title" { "Test cards" }
            ul class="cards" {
                li { code { "4242 4242 4242 4242" } " " span { "approved" } }
                li { code { "4000 0000 0000 3220" } " " span { "requires verification" } }
                li { code { "4000 0000 0000 9995" } " " span { "declined" } }
            }
            p class="quiet" {
                "Use any expiry date in the future and any 3-digit CVC. "
                a href={ (sandbox_url) "/sandbox" } { "All test cards" }
            }
        }
    }
}

/// Renders the list of orders.
pub fn orders(orders: &[OrderView]) -> Markup {
    html! {
        section {
            h1 { "Orders" }
            (orders_table(orders))
            p class="empty quiet" { "No orders yet. " a href="/" { "Buy a print" } }
        }
    }
}

fn orders_table(orders: &[OrderView]) -> Markup {
    html! {
        p class="quiet" {
            "The shop updates an order when it receives a signed callback."
        }
        table class="orders" {
            thead {
                tr {
                    @for title in ["Order", "Amount", "Checkout", "Invoice", "Callbacks", "Status"] {
                        th scope="col" { (title) }
                    }
                }
            }
            tbody id="orders" {
                @for order in orders {
                    (order_row(order))
                }
            }
        }
    }
}

fn order_row(order: &OrderView) -> Markup {
    let status = order.status.as_str();
    html! {
        tr data-order=(order.id) data-status=(status) data-callbacks=(order.callbacks) {
            td data-label="Order" { a href={ "/thanks?order_id=" (order.id) } { (order.id) } }
            td data-label="Amount" { (order.price) }
            td data-label="Checkout" { (order.way.as_str()) }
            td data-label="Invoice" class="id" { (order.invoice.as_deref().unwrap_or("–")) }
            td data-label="Callbacks" { (order.callbacks) }
            td data-label="Status" { span class="pill" { (order.label) } }
        }
    }
}

/// Renders the page of one order, to which the buyer returns.
pub fn thanks(order: &OrderView) -> Markup {
    html! {
        section id="thanks" class="card" data-order=(order.id) data-status=(order.status.as_str()) {
            h1 id="headline" aria-live="polite" { (order.headline) }
            dl {
                div { dt { "Order" } dd { (order.id) } }
                div { dt { "Amount" } dd { (order.price) } }
                div { dt { "Status" } dd { span id="order-status" class="pill" { (order.label) } } }
            }
            p class="quiet" { "This page is updated when the shop receives a callback." }
            p { a href="/" { "Back to the shop" } }
        }
    }
}

/// Renders an error page.
pub fn error(message: &str) -> Markup {
    html! {
        section class="card" {
            h1 { "Something went wrong" }
            p { (message) }
            p { a href="/" { "Back to the shop" } }
        }
    }
}
