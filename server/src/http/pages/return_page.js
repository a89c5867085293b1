(() => {
  const { invoice, payment, token } = document.body.dataset;
  const message = { till_returned: { payment } };
  if (parent !== window) {
    parent.postMessage(message, location.origin);
    return;
  }
  if (opener && window.name === "till-verification") {
    opener.postMessage(message, location.origin);
    window.close();
    return;
  }
  // The widget's popup keeps its settings in its name; see `redirect` in the widget's host.rs. The server checks
  // the origin in them.
  const [, query, appearance] = /^till-popup(\?[^#]*)#(.*)$/.exec(window.name) ?? [];
  location.replace(
    opener && query
      ? `/pay/${invoice}${query}#token=${token}&${appearance}`
      : document.getElementById("next").href,
  );
})();
