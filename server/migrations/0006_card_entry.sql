-- Where the buyer enters the card: `hosted` (on the payment system's page) or `direct` (in our payment
-- form). Null for an account of an earlier version: in our form, if the connector takes card data.
alter table connector_accounts add column card_entry text;
