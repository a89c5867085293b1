// Where widgets are shown: the dialog or a container. A place shows one widget. The next one waits until the
// first has closed, because the buyer may stay while a payment is in progress.

/** The place of the widgets without a container. */
export const DIALOG = "dialog";
const places = new Map();

export const isTaken = (place) => places.has(place);

/** Shows a widget in a place, now or after the one that is there has closed. */
export function enter(place, session) {
  const taken = places.get(place);
  if (!taken) {
    places.set(place, { current: session });
    return session.show();
  }
  const waiting = taken.next;
  taken.next = session;
  if (waiting) waiting.end();
  // The message that asks is sent once: a second one withdraws the question.
  else taken.current.requestClose();
}

/** Calls off the widget that waits for this one to close. */
export function keep(place, session) {
  const taken = places.get(place);
  if (taken?.current === session) taken.next?.end();
}

/** Leaves a place to the widget that waits for it. */
export function leave(place, session) {
  const taken = places.get(place);
  if (taken?.next === session) taken.next = null;
  if (taken?.current !== session) return;
  taken.current = taken.next;
  taken.next = null;
  if (taken.current) taken.current.show();
  else places.delete(place);
}
