<?php
// Usage: TILL_SIGNING_SECRET=whsec_... php -S 127.0.0.1:8700 callbacks.php

/** Whether a request is from Till, by the headers and the raw body. */
function till_verified(string $id, string $timestamp, string $signatures, string $body): bool
{
    if (!ctype_digit($timestamp) || abs(time() - (int) $timestamp) > 300) {
        return false; // an old request, sent once more by somebody who recorded it
    }
    $secret = getenv('TILL_SIGNING_SECRET') ?: throw new RuntimeException('no signing secret');
    $key = base64_decode(substr($secret, strlen('whsec_')), true);
    $mine = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$timestamp.$body", $key, true));
    foreach (explode(' ', $signatures) as $signature) { // two while a secret is being changed
        if (hash_equals($mine, $signature)) {
            return true;
        }
    }
    return false;
}

// What your shop sells, in minor units: your database has it.
$orders = ['42' => ['amount' => 1999, 'currency' => 'EUR']];

$body = file_get_contents('php://input');
$genuine = till_verified(
    $_SERVER['HTTP_WEBHOOK_ID'] ?? '',
    $_SERVER['HTTP_WEBHOOK_TIMESTAMP'] ?? '',
    $_SERVER['HTTP_WEBHOOK_SIGNATURE'] ?? '',
    $body,
);
if (!$genuine) {
    http_response_code(401);
    return;
}
$event = json_decode($body, true, flags: JSON_THROW_ON_ERROR);
if ($event['type'] === 'order.check') {
    $invoice = $event['data']['invoice'];
    $order = $orders[$invoice['order_id']] ?? null;
    header('Content-Type: application/json');
    echo json_encode($order ? ['accept' => true] + $order : ['accept' => false, 'reason' => 'unknown order']);
    return;
}
if ($event['type'] === 'invoice.paid') {
    // Hand out the goods, once for each $event['id']: the same event may come again.
    error_log("order {$event['data']['invoice']['order_id']} is paid");
}
http_response_code(204);
