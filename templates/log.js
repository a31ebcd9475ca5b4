// A log that grows on a page: lines in groups, one for each step. The page's own script feeds it.
const box = document.getElementById("log");
const LINES = 2000;
let held = true;

function group(step, label) {
  const last = box.lastElementChild;
  if (last && last.dataset.step === step) return last;
  if (last) finish(last, "done", "");
  const made = document.createElement("details");
  made.className = "group now";
  made.dataset.step = step;
  made.open = true;
  const head = document.createElement("summary");
  const name = document.createElement("span");
  name.textContent = label;
  const time = document.createElement("span");
  time.className = "time";
  head.append(name, time);
  const lines = document.createElement("div");
  lines.className = "lines";
  made.append(head, lines);
  box.append(made);
  return made;
}

// A step that went well folds away, unless somebody has touched it.
function finish(part, state, took) {
  if (!part || part.classList.contains(state)) return;
  part.classList.remove("now");
  part.classList.add(state);
  if (took) part.querySelector(".time").textContent = took;
  if (state === "done" && part.nextElementSibling && !part.dataset.kept) part.open = false;
}

function trim() {
  let more = box.querySelectorAll(".line").length - LINES;
  for (const line of more > 0 ? [...box.querySelectorAll(".line")].slice(0, more) : []) line.remove();
}

function grow(change) {
  change();
  trim();
  if (held) box.scrollTop = box.scrollHeight;
}

function feed(source) {
  source.addEventListener("clear", () => box.replaceChildren());
  source.addEventListener("step", (event) => {
    const { step, label, took } = JSON.parse(event.data);
    grow(() => {
      const before = box.lastElementChild;
      const made = group(step, label);
      if (before && before !== made && took) before.querySelector(".time").textContent = took;
      if (before && before !== made && !before.dataset.kept) before.open = false;
    });
  });
  source.addEventListener("log", (event) => {
    const { step, label, html } = JSON.parse(event.data);
    // Escaped by the server; the page's policy lets no script in it run.
    grow(() => group(step, label).lastElementChild.insertAdjacentHTML("beforeend", html));
  });
  source.addEventListener("ended", (event) => {
    const { state, took } = JSON.parse(event.data);
    finish(box.lastElementChild, state, took);
  });
}

if (box) {
  box.scrollTop = box.scrollHeight;
  box.addEventListener("scroll", () => {
    held = box.scrollHeight - box.scrollTop - box.clientHeight < 24;
  });
  box.addEventListener("click", (event) => {
    const touched = event.target.closest("summary")?.parentElement;
    if (touched) touched.dataset.kept = "1";
  });
  // Where a stream of events begins that goes on behind what the page shows.
  globalThis.logStream = (address) => {
    const known = box.dataset.log;
    const source = new EventSource(known ? `${address}?log=${known}` : address);
    feed(source);
    return source;
  };
}
