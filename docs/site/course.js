// What on the site answers its reader. Every page can be read without it.

const kept = {
  read(name) { try { return JSON.parse(localStorage.getItem("course " + name)); } catch { return null; } },
  write(name, value) { try { localStorage.setItem("course " + name, JSON.stringify(value)); } catch { /* private mode */ } },
};

function element(tag, text = "", attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

// Questions: one at a time, a reason for each answer, a score that the browser keeps.

function startQuiz(quiz) {
  const questions = [...quiz.querySelectorAll(".question")];
  const name = "quiz " + quiz.dataset.name;
  let answers = kept.read(name) || {};
  const score = element("p", "", { class: "score", role: "status" });
  const again = element("button", "Start again", { type: "button" });
  quiz.append(score, again);
  quiz.classList.add("live");

  function scored(number) {
    const right = questions.filter((question, i) => answers[i] === question.dataset.right).length;
    return number < questions.length
      ? `Question ${number + 1} of ${questions.length} · ${right} of ${Object.keys(answers).length} right so far`
      : `Done: ${right} of ${questions.length} right.`;
  }

  function show(number) {
    questions.forEach((question, i) => { question.hidden = i !== number; });
    score.textContent = scored(number);
    again.hidden = Object.keys(answers).length === 0;
  }

  questions.forEach((question, number) => {
    const answer = question.querySelector("details");
    const reply = element("div", "", { class: "reply", role: "status" });
    const next = element("button", number + 1 < questions.length ? "Next question" : "Your score", { type: "button" });
    next.hidden = true;
    answer.hidden = true;
    next.addEventListener("click", () => {
      show(number + 1);
      questions[number + 1]?.querySelector("button").focus();
    });
    const buttons = [...question.querySelectorAll("li")].map((option) => {
      const button = element("button", "", { type: "button", class: "option" });
      button.append(...option.childNodes);
      option.append(button);
      button.addEventListener("click", () => {
        const right = option.dataset.letter === question.dataset.right;
        if (!(number in answers)) {
          answers[number] = option.dataset.letter;
          kept.write(name, answers);
        }
        option.classList.add(right ? "right" : "wrong");
        score.textContent = scored(number);
        reply.replaceChildren(element("p", (right ? "✔ " : "✘ ") + option.dataset.why));
        next.hidden = !right;
        if (right) {
          reply.append(answer.querySelector("a").cloneNode(true));
          buttons.forEach((other) => { other.disabled = true; });
          next.focus();
        }
      });
      return button;
    });
    question.append(reply, next);
  });
  again.addEventListener("click", () => {
    kept.write(name, null);
    location.reload();
  });
  const open = questions.findIndex((_, number) => !(number in answers));
  show(open < 0 ? questions.length : open);
}

// The ledger: one verdict alone.

function startLedger(filter) {
  const rows = [...document.querySelectorAll(".ledger tbody tr")];
  const buttons = [...filter.querySelectorAll("button")];
  filter.hidden = false;
  for (const button of buttons) {
    button.addEventListener("click", () => {
      const wanted = button.getAttribute("aria-pressed") === "true" ? "all" : button.dataset.kind;
      buttons.forEach((other) => other.setAttribute("aria-pressed", String(other.dataset.kind === wanted)));
      rows.forEach((row) => { row.hidden = wanted !== "all" && row.dataset.kind !== wanted; });
    });
  }
}

// A button that is used up leaves the keyboard's place to what it said.

function take(said) {
  said.tabIndex = -1;
  said.focus({ preventScroll: true });
}

// The bet on the first page: the evidence opens when it is made.

function startBet(bet) {
  const answer = bet.querySelector("details");
  const options = bet.querySelector(".options");
  options.hidden = false;
  answer.hidden = true;
  for (const button of options.children) {
    button.addEventListener("click", () => {
      const won = button.dataset.kind === bet.dataset.kind;
      answer.hidden = false;
      answer.open = true;
      const reply = bet.querySelector(".reply");
      reply.textContent = won ? "You won:" : `You bet on “${button.textContent}”:`;
      button.setAttribute("aria-pressed", "true");
      for (const other of options.children) other.disabled = true;
      take(reply);
    });
  }
}

// Predictions: the result stays folded until a guess is made, or asked for.

function startPredictions() {
  const cells = [...document.querySelectorAll("div.cell")];
  cells.forEach((cell, first) => {
    for (const asked of cell.querySelectorAll(".asked")) {
      const { name, choices } = asked.dataset;
      const outcome = `.outcome[data-name="${CSS.escape(name)}"]`;
      const last = cells.findIndex((other, i) => i > first && other.querySelector(outcome));
      if (last < 0) continue;
      const { result } = cells[last].querySelector(outcome).dataset;
      ask(name, JSON.parse(choices), result, cell, [...cells.slice(first + 1, last + 1), ...rest(cell)]);
    }
  });
}

// What follows a cell in its section, up to the next guess: prose may tell the result as well.

function rest(cell) {
  const found = [];
  let next = cell.nextElementSibling;
  while (next && next.tagName !== "SECTION" && !next.querySelector(".asked")) {
    found.push(next);
    next = next.nextElementSibling;
  }
  return found;
}

function ask(name, choices, result, cell, after) {
  const key = `guess ${location.pathname.split("/").pop()} ${name}`;
  const outputs = after.map((one) => (one.matches(".cell") ? one.querySelector(".cell_output") : one)).filter(Boolean);
  const form = element("form", "", { class: "guess" });
  const said = element("p", "", { role: "status" });

  function open(guess) {
    outputs.forEach((output) => output.classList.remove("held"));
    form.querySelectorAll("input, button").forEach((part) => { part.disabled = true; });
    if (guess) {
      kept.write(key, guess);
      said.textContent = `Your guess: ${guess.join(" to ")}. ${verdict(guess)}`;
    }
  }

  function verdict(guess) {
    if (guess.length === 1) return result === guess[0] ? "It was right." : `It was ${result}.`;
    const value = Number(result.replace(/,/g, "").match(/-?[\d.]+(e[+-]?\d+)?/i)?.[0]);
    const inside = Number(guess[0]) <= value && value <= Number(guess[1]);
    return `${result}: ${inside ? "in your range." : "outside your range."}`;
  }

  if (choices.length > 1) {
    for (const choice of choices) {
      const button = element("button", choice, { type: "button" });
      button.addEventListener("click", () => { open([choice]); take(said); });
      form.append(button);
    }
  } else {
    const [low, high] = ["from", "to"].map((text) => {
      const label = element("label", `${text} `);
      const input = element("input", "", { type: "number", step: "any", required: "" });
      label.append(input);
      form.append(label);
      return input;
    });
    form.append(element("button", "Guess", { type: "submit" }));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (Number(low.value) <= Number(high.value)) {
        open([low.value, high.value]);
        take(said);
      } else said.textContent = "Write the smaller number first.";
    });
  }
  const show = element("button", "Show the result", { type: "button", class: "plain" });
  show.addEventListener("click", () => {
    open();
    said.textContent = `${result}.`;
    take(said);
  });
  form.append(show);
  cell.append(form, said);
  const before = kept.read(key);
  if (before) open(before);
  else outputs.forEach((output) => output.classList.add("held"));
}

addEventListener("beforeprint", () => {
  document.querySelectorAll(".ledger details, .bet details").forEach((folded) => { folded.open = true; });
  document.querySelectorAll(".quiz .question").forEach((question) => { question.hidden = false; });
});

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll(".bd-sidebar summary, .sidebar-primary-items summary").forEach((summary) => {
    summary.setAttribute("aria-label", "Parts"); // the theme shows an arrow alone
  });
  document.querySelectorAll(".quiz").forEach(startQuiz);
  document.querySelectorAll(".ledger-filter").forEach(startLedger);
  document.querySelectorAll(".bet").forEach(startBet);
  startPredictions();
});
