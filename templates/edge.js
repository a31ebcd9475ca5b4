// The living part of the pages at a draft's address. Without it they refresh by themselves.
const { events, home, method, refresh, state } = document.body.dataset;
const live = document.getElementById("live");
let shown = performance.now();

function again() {
  // A reload of the answer to a form would ask whether to send it twice.
  if (method === "GET") location.reload();
  else location.replace(home);
}

function duration(seconds) {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

function tick() {
  const passed = (performance.now() - shown) / 1000;
  for (const clock of document.querySelectorAll("[data-seconds]")) {
    clock.textContent = duration(Number(clock.dataset.seconds) + passed);
  }
  for (const bar of document.querySelectorAll("progress[data-value]")) {
    bar.value = Math.min(bar.max * 0.97, Number(bar.dataset.value) + passed);
  }
}

function listen() {
  const source = globalThis.logStream ? globalThis.logStream(events) : new EventSource(events);
  source.addEventListener("live", (event) => {
    // Rendered and escaped by the server; the page's policy lets no script in it run.
    live.innerHTML = event.data;
    shown = performance.now();
  });
  source.addEventListener("reload", () => {
    source.close();
    again();
  });
  source.addEventListener("error", () => {
    // Closed for good: somebody else answers at this address now.
    if (source.readyState === EventSource.CLOSED) setTimeout(again, 1500 + 1500 * Math.random());
  });
}

async function copy(area) {
  try {
    await navigator.clipboard.writeText(area.value);
    return true;
  } catch {
    // Without https, or without leave to use the clipboard, browsers still copy what is selected.
    area.select();
    return document.execCommand("copy");
  }
}

for (const button of document.querySelectorAll("button[data-copies]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const copied = await copy(document.getElementById(button.dataset.copies));
    button.textContent = copied ? "Copied" : "Selected: press Ctrl-C";
  });
}

if (events) listen();
else if (Number(refresh)) setTimeout(again, Number(refresh) * 1000);
if (state !== "failed") setInterval(tick, 500);
