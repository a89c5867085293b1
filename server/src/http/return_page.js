(() => {
  const { invoice, payment } = document.body.dataset;
  const told = { till_returned: { payment } };
  if (parent !== window) {
    parent.postMessage(told, location.origin);
    return;
  }
  if (opener && window.name === "till-verification") {
    opener.postMessage(told, location.origin);
    window.close();
    return;
  }
  let popup = null;
  try {
    const key = "till:" + invoice;
    popup = sessionStorage.getItem(key);
    sessionStorage.removeItem(key);
  } catch {
    // Storage is blocked: the hosted page will do.
  }
  location.replace(popup || document.getElementById("next").href);
})();
