// Predictions: a form per question. What is typed stays in this browser. Once a guess is locked in,
// what was measured unfolds, and the guess stands beside it.
"use strict";

(() => {
  const KEY = "model-serving-labs-predictions";

  function readAll() {
    try {
      return JSON.parse(localStorage.getItem(KEY)) ?? {};
    } catch {
      return {};
    }
  }

  function keep(question, guesses) {
    try {
      localStorage.setItem(KEY, JSON.stringify({ ...readAll(), [question]: guesses }));
    } catch {
      // A browser may forbid it: the guess then lasts as long as the page.
    }
  }

  function numberOf(text) {
    const number = Number(text.trim().replaceAll(",", ""));
    return text.trim() !== "" && Number.isFinite(number) ? number : null;
  }

  function show(form, guesses) {
    for (const [name, guess] of Object.entries(guesses)) {
      const mark = document.querySelectorAll(`[data-guess="${CSS.escape(form.dataset.question)}.${CSS.escape(name)}"]`);
      for (const place of mark) place.textContent = guess;
    }
    const behind = document.querySelectorAll(`.tag_behind-${form.dataset.question.replaceAll(".", "-")} details`);
    for (const details of behind) details.open = true;
  }

  function ready(form) {
    const status = form.querySelector("[role=status]");
    const inputs = [...form.querySelectorAll("input")];
    form.hidden = false;
    const before = readAll()[form.dataset.question];
    if (before) {
      for (const input of inputs) input.value = before[input.name] ?? "";
      status.textContent = "Your prediction of an earlier visit.";
      show(form, before);
    }
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const guesses = {};
      for (const input of inputs) {
        const number = numberOf(input.value);
        if (number === null) {
          status.textContent = `“${input.value}” is not a number.`;
          input.focus();
          return;
        }
        guesses[input.name] = number;
      }
      keep(form.dataset.question, guesses);
      status.textContent = "Noted. Below, what was measured is now unfolded, with your guess beside it.";
      show(form, guesses);
    });
  }

  // What is folded is printed too.
  window.addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details")) details.open = true;
  });

  document.addEventListener("DOMContentLoaded", () => {
    for (const form of document.querySelectorAll("form.msl-predict")) ready(form);
  });
})();
