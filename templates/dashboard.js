// Keeps the status page true: fetches it anew when a draft has changed. Without it the page refreshes.
const { events, logs, watch } = document.body.dataset;
let busy = false;
let due = false;

async function renew() {
  if (busy) {
    due = true;
    return;
  }
  busy = true;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of document.querySelectorAll("[data-part]")) replace(part, page);
  } catch {
    // The daemon restarts: the stream comes back by itself, and so do we.
  }
  busy = false;
  if (due) {
    due = false;
    setTimeout(renew, 300);
  }
}

function replace(part, page) {
  const fresh = page.querySelector(`[data-part="${part.dataset.part}"]`);
  if (!fresh) return;
  // What was opened stays open.
  for (const open of part.querySelectorAll("details[open]")) {
    const same = page.getElementById(open.id);
    if (same) same.open = true;
  }
  if (fresh.innerHTML === part.innerHTML) return;
  if (part.contains(document.activeElement) && part.matches(":has(:focus-visible)")) {
    const id = document.activeElement.id;
    part.innerHTML = fresh.innerHTML;
    if (id) document.getElementById(id)?.focus();
    return;
  }
  part.innerHTML = fresh.innerHTML;
}

const source = new EventSource(events);
source.addEventListener("changed", (event) => {
  const changed = JSON.parse(event.data);
  // An empty list is a beat: seconds go on.
  if (!watch || changed.length === 0 || changed.includes(watch)) renew();
});

if (logs) globalThis.logStream?.(logs);
