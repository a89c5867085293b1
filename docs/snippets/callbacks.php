<?php
// Usage: TILL_SIGNING_SECRET=whsec_... php -S 127.0.0.1:8700 callbacks.php

/** Verifies that a request is from Till, from its headers and raw body. */
function till_verified(string $id, string $timestamp, string $signatures, string $body): bool
{
    if (!ctype_digit($timestamp) || abs(time() - (int) $timestamp) > 300) {
        return false; // outside the five-minute tolerance: possibly a replay
    }
    $secret = getenv('TILL_SIGNING_SECRET') ?: throw new RuntimeException('no signing secret');
    $key = base64_decode(substr($secret, strlen('whsec_')), true);
    $expected = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$timestamp.$body", $key, true));
    foreach (explode(' ', $signatures) as $signature) { // two during a rotation
        if (hash_equals($expected, $signature)) {
            return true;
        }
    }
    return false;
}

// Your orders, with amounts in minor units. A real shop reads them from its database.
$orders = ['42' => ['amount' => 1999, 'currency' => 'EUR']];

$body = file_get_contents('php://input');
$verified = till_verified(
    $_SERVER['HTTP_WEBHOOK_ID'] ?? '',
    $_SERVER['HTTP_WEBHOOK_TIMESTAMP'] ?? '',
    $_SERVER['HTTP_WEBHOOK_SIGNATURE'] ?? '',
    $body,
);
if (!$verified) {
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
    // Fulfill the order once per $event['id']: an event may be delivered more than once.
    error_log("order {$event['data']['invoice']['order_id']} is paid");
}
http_response_code(204);
