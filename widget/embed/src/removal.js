// Notices widgets whose elements have left the document, as single-page apps remove them.

/** The open widgets, and whether their elements have been in the document: a page may insert a container later. */
const watched = new Map();
let observer;

/** Observes the document, and the shadow roots that an element is in. */
function observe(element) {
  observer.observe(document, { childList: true, subtree: true });
  for (let root = element.getRootNode(); root; root = root.host?.getRootNode()) {
    observer.observe(root, { childList: true, subtree: true });
  }
}

/** Ends the widgets that have left the document. */
export function endRemoved() {
  for (const [session, wasThere] of [...watched]) {
    const element = session.element();
    if (!element) continue;
    if (wasThere && !element.isConnected) {
      session.end();
      continue;
    }
    watched.set(session, element.isConnected);
    // It may have moved into another root.
    observe(element);
  }
}

export function watch(session) {
  observer ??= new MutationObserver(endRemoved);
  watched.set(session, false);
  endRemoved();
}

export function unwatch(session) {
  watched.delete(session);
  if (!watched.size) observer.disconnect();
}
