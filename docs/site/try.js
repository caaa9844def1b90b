// Three things to move. `data` comes from try_data.js; each `compute…` returns plain numbers, which the tests compare.

function computeChances(words, temperature, topP) {
  const divided = (logit) => Math.exp((logit - words.logits[0]) / temperature);
  const weights = words.logits.map(divided);
  const rest = words.rest.reduce((sum, [count, logit]) => sum + count * divided(logit), 0);
  const all = weights.reduce((sum, weight) => sum + weight, rest);
  let before = 0;
  const kept = weights.map((weight) => {
    const chance = before < topP * all ? weight : 0;
    before += weight;
    return chance;
  });
  const restKept = before < topP * all ? rest : 0;
  const total = kept.reduce((sum, weight) => sum + weight, restKept);
  return { chances: kept.map((weight) => weight / total), rest: restKept / total };
}

function computeMemory(model, bits, tokens, texts) {
  const seen = (model.layers - model.window_layers) * tokens + model.window_layers * Math.min(tokens, model.window);
  return { weights: (model.parameters * bits) / 8, cache: (texts * model.cache_bytes * seen) / model.layers };
}

function computeInterval(right, of) {
  const logs = [0];
  for (let i = 1; i <= of; i += 1) logs.push(logs[i - 1] + Math.log(i));
  const atMost = (k, p) => {
    let sum = 0;
    for (let i = 0; i <= k; i += 1) {
      sum += Math.exp(logs[of] - logs[i] - logs[of - i] + i * Math.log(p) + (of - i) * Math.log1p(-p));
    }
    return sum;
  };
  const solve = (above) => {
    let [low, high] = [0, 1];
    for (let i = 0; i < 50; i += 1) {
      const middle = (low + high) / 2;
      if (above(middle)) high = middle;
      else low = middle;
    }
    return (low + high) / 2;
  };
  return {
    low: right === 0 ? 0 : solve((p) => 1 - atMost(right - 1, p) > 0.025),
    high: right === of ? 1 : solve((p) => atMost(right, p) < 0.025),
  };
}

function make(tag, text = "", attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

function field(place, text, control, show = (value) => value) {
  const label = make("label", `${text} `);
  const value = make("output");
  label.append(control, value);
  place.append(label);
  const tell = () => { value.textContent = control.type === "range" ? show(Number(control.value)) : ""; };
  control.addEventListener("input", tell);
  tell();
  return control;
}

const slider = (min, max, step, value) => make("input", "", { type: "range", min, max, step, value });

function menu(names) {
  const select = make("select");
  names.forEach((name) => select.append(make("option", name, { value: name })));
  return select;
}

function bars(place, rows) {
  const most = Math.max(...rows.map(([, share]) => share), 1e-9);
  place.replaceChildren(...rows.map(([name, share, text]) => {
    const row = make("div", "", { class: "bar" });
    const bar = make("span", "", { class: "length", style: `width: ${(100 * share) / most}%` });
    const track = make("span", "", { class: "track" });
    track.append(bar);
    row.append(make("span", name, { class: "name" }), track, make("span", text, { class: "number" }));
    return row;
  }));
}

const percent = (share) => `${(100 * share).toFixed(share < 0.001 ? 2 : 1)} %`;
const gigabytes = (bytes) => `${(bytes / 1e9).toFixed(bytes < 1e10 ? 2 : 0)} GB`;

function startSampling(place) {
  const text = field(place, "text", menu(data.words.map((words) => words.text)));
  const temperature = field(place, "temperature", slider(0.1, 2, 0.05, 1), (value) => value.toFixed(2));
  const topP = field(place, "top-p", slider(0.05, 1, 0.05, 1), (value) => value.toFixed(2));
  const chart = make("div", "", { role: "status" });
  place.append(chart);
  const draw = () => {
    const words = data.words.find((one) => one.text === text.value);
    const { chances, rest } = computeChances(words, Number(temperature.value), Number(topP.value));
    const shown = words.words.slice(0, 10).map((word, i) => [`“${word}”`, chances[i], percent(chances[i])]);
    const others = 1 - chances.slice(0, 10).reduce((sum, chance) => sum + chance, 0);
    bars(chart, [...shown, ["all others", others, percent(Math.max(others, 0))]]);
    const left = chances.filter((chance) => chance > 0).length;
    chart.append(make("p", rest > 0 ? "All 49,152 tokens can come." : `${left} token${left === 1 ? "" : "s"} can come.`));
  };
  place.addEventListener("input", draw);
  draw();
}

function startMemory(place) {
  const model = field(place, "model", menu(Object.keys(data.models)));
  const bits = field(place, "bits a weight", menu(["16", "8", "4"]));
  const tokens = field(place, "tokens of each text", slider(8, 17, 1, 12), (value) => (2 ** value).toLocaleString("en"));
  const texts = field(place, "texts at once", slider(0, 8, 1, 0), (value) => 2 ** value);
  const chart = make("div", "", { role: "status" });
  model.value = "Llama 3 8B";
  place.append(chart);
  const draw = () => {
    const chosen = data.models[model.value];
    const { weights, cache } = computeMemory(chosen, Number(bits.value), 2 ** tokens.value, 2 ** texts.value);
    bars(chart, [["weights", weights, gigabytes(weights)], ["keys and values", cache, gigabytes(cache)]]);
    const fits = [8, 16, 24, 80].filter((size) => weights + cache < size * 1e9);
    const where = fits.length ? `It fits into ${fits[0]} GB` : "It does not fit into 80 GB";
    const long = 2 ** tokens.value > chosen.context ? ` The model was made for ${chosen.context.toLocaleString("en")} tokens.` : "";
    chart.append(make("p", `${gigabytes(weights + cache)} together, without what computing needs. ${where}.${long}`));
  };
  place.addEventListener("input", draw);
  draw();
}

function startInterval(place) {
  const of = field(place, "questions", slider(5, 500, 5, 60));
  const share = field(place, "right", slider(0, 100, 1, 80), (value) => `${value} %`);
  const said = make("div", "", { role: "status" });
  place.append(said);
  const draw = () => {
    const right = Math.round((Number(share.value) * Number(of.value)) / 100);
    const { low, high } = computeInterval(right, Number(of.value));
    const track = make("span", "", { class: "track" });
    track.append(make("span", "", { class: "length", style: `left: ${100 * low}%; width: ${100 * (high - low)}%` }));
    const text = `${right} of ${of.value} right: between ${percent(low)} and ${percent(high)}.`;
    said.replaceChildren(track, make("p", text));
  };
  place.addEventListener("input", draw);
  draw();
}

for (const [id, start] of [["sampling", startSampling], ["memory", startMemory], ["interval", startInterval]]) {
  const place = document.getElementById(id);
  place.replaceChildren();
  start(place);
}
