// Keeps the pages alive and sends what an operator changes to the API. Reading works without this file.
"use strict";

const every = 2000; // milliseconds between two polls
const $ = (selector, from = document) => from.querySelector(selector);

// Polling: one event, which the live part of the page and the chart listen to, four times as often while a flip or a rollback
// goes step by step. A hidden or paused page asks nothing.
let paused = false;
let tick = 0;
const poll = () => document.body.dispatchEvent(new Event("poll"));
setInterval(() => {
  tick += 1;
  if (!paused && !document.hidden && (tick % 4 === 0 || $("#live [data-moving]"))) poll();
}, every / 4);
document.addEventListener("visibilitychange", () => { if (!paused && !document.hidden) poll(); });

const pause = $("#pause");
if (pause && $("#live")) {
  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    $("#pause-text").textContent = paused ? "Paused" : "Updating";
    if (!paused) poll();
  });
}

const announce = (text) => {
  const region = $("#announce");
  if (region.textContent !== text) region.textContent = text;
};

// A swap is left out while it would change nothing, or take away what the reader has selected.
let shown = "";
document.body.addEventListener("htmx:beforeSwap", (event) => {
  const { target, xhr } = event.detail;
  if (xhr.status !== 200) return;
  if (target.id === "live") {
    const selection = document.getSelection();
    const reading = selection && !selection.isCollapsed && target.contains(selection.anchorNode);
    if (xhr.responseText === shown || reading) event.detail.shouldSwap = false;
    else shown = xhr.responseText;
  }
});

// What the reader has opened stays open in the new content.
let open = [];
document.body.addEventListener("htmx:beforeSwap", () => {
  open = [...document.querySelectorAll("#live details[open]")].map((d) => d.id);
});
document.body.addEventListener("htmx:afterSwap", () => {
  open.forEach((id) => document.getElementById(id)?.setAttribute("open", ""));
});

// What the run has become: told to screen readers, and to the buttons, which belong to a phase and an epoch.
const follow = () => {
  const state = $("#live [data-key]");
  if (!state) return;
  announce(state.dataset.summary);
  const actions = $("#actions");
  if (actions && actions.dataset.key !== state.dataset.key && !$("dialog[open]")) {
    document.body.dispatchEvent(new Event("stale"));
  }
};
const reveal = () => { for (const buttons of document.querySelectorAll(".buttons[hidden]")) buttons.hidden = false; };
document.body.addEventListener("htmx:afterSettle", () => { follow(); reveal(); });
reveal();

// A lost connection must not look like a calm run.
let heard = new Date();
const lost = (why) => {
  const banner = $("#lost");
  const text = `${why} What is shown is from ${heard.toLocaleTimeString()}.`;
  if (banner.textContent !== text) banner.textContent = text;
  banner.hidden = false;
};
document.body.addEventListener("htmx:sendError", () => lost("The admin API does not answer."));
document.body.addEventListener("htmx:timeout", () => lost("The admin API does not answer in time."));
document.body.addEventListener("htmx:responseError", (event) => lost(`The admin API answers ${event.detail.xhr.status}.`));
document.body.addEventListener("htmx:afterRequest", (event) => {
  if (!event.detail.successful) return;
  heard = new Date();
  $("#lost").hidden = true;
});

// Changes: the same calls under /v1 that the command line makes.
async function change(path, body) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const answer = await response.json();
  if (response.ok) return answer;
  const failing = (answer.report?.criteria ?? []).filter((c) => c.verdict !== "pass");
  throw new Error([answer.error.message, ...failing.map((c) => `${c.name}: ${c.reason}`)].join("\n"));
}

function say(outcome, text, good) {
  outcome.className = good ? "outcome good" : "outcome bad";
  outcome.textContent = text;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.opens) {
    const dialog = document.getElementById(button.dataset.opens);
    const outcome = $(".outcome", dialog);
    outcome.textContent = "";
    dialog.showModal();
  } else if (button.hasAttribute("data-closes")) {
    button.closest("dialog").close();
    follow();
  } else if (button.dataset.run) {
    button.disabled = true;
    try {
      const { checks } = await change(`/v1/checks/${encodeURIComponent(button.dataset.run)}/run`, {});
      announce(`${checks[0].name}: ${checks[0].verdict}`);
    } catch (problem) {
      lost(problem.message);
    }
    button.disabled = false;
    poll();
  }
});

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.dataset.call) return;
  event.preventDefault();
  const body = {};
  if (form.dataset.epoch) body.epoch = Number(form.dataset.epoch);
  if ("dryRun" in form.dataset) body.dry_run = true;
  if (form.elements.discard) body.discard = form.elements.discard.checked;
  if (form.elements.fraction) body.fraction = form.elements.fraction.value;
  if (form.elements.reason?.value) body.reason = form.elements.reason.value;
  const submit = $("[type=submit]", form);
  const outcome = $(".outcome", form);
  submit.disabled = true;
  try {
    await change(form.dataset.call, body);
    if (body.dry_run) {
      say(outcome, form.dataset.done, true);
    } else {
      form.closest("dialog").close();
      announce(form.dataset.done);
    }
  } catch (problem) {
    say(outcome, problem.message, false);
  }
  submit.disabled = false;
  poll();
});
