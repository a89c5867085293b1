<?php
// Usage: TILL_URL=... TILL_SIGNING_SECRET=whsec_... php form.php < order.json > form.html

/** Signs a form: every field that the browser sends, except `signature`. */
function till_signature(array $fields, string $secret): string
{
    ksort($fields, SORT_STRING);
    $lines = [];
    foreach ($fields as $name => $value) {
        $lines[] = "$name=$value";
    }
    $key = base64_decode(substr($secret, strlen('whsec_')), true);
    return hash_hmac('sha256', implode("\n", $lines), $key);
}

$fields = json_decode(stream_get_contents(STDIN), true, flags: JSON_THROW_ON_ERROR);
$fields['signature'] = till_signature($fields, getenv('TILL_SIGNING_SECRET'));
?>
<form action="<?= htmlspecialchars(getenv('TILL_URL')) ?>/pay" method="post" accept-charset="utf-8">
<?php foreach ($fields as $name => $value): ?>
<input type="hidden" name="<?= htmlspecialchars($name) ?>" value="<?= htmlspecialchars($value) ?>">
<?php endforeach ?>
<button>Pay</button>
</form>
