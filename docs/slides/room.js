// The room's answers on a lecture's guess. A number beside each choice counts hands: a click or Enter adds one, with
// Shift it takes one back. A line takes each pair's range, and the result says how many held it. Nothing is kept.
const make = (tag, properties) => Object.assign(document.createElement(tag), properties);
for (const guess of document.querySelectorAll("div.guess")) {
  const ranges = [], result = guess.parentElement.querySelector("p.guess");
  for (const choice of guess.querySelectorAll("li")) {
    const name = choice.textContent, hands = make("button", { className: "room", type: "button" });
    const show = (count) => {
      hands.textContent = count;
      hands.setAttribute("aria-label", `${name}: ${count} hands`);
    };
    hands.addEventListener("click", (event) => show(Math.max(0, hands.textContent - (event.shiftKey ? 1 : -1))));
    hands.addEventListener("keydown", (event) => [" ", "Enter"].includes(event.key) && event.stopPropagation());
    show(0);
    choice.append(hands);
  }
  if (guess.querySelector("li")) continue;
  const entry = make("input", { className: "room", placeholder: "low-high, Enter", ariaLabel: "A range of the room" });
  const told = make("output", { className: "room" });
  const tell = () => {
    const value = parseFloat(result?.textContent.replaceAll(",", ""));
    const held = ranges.filter(([low, high]) => low <= value && value <= high).length;
    const shown = ranges.length && result?.classList.contains("visible");
    told.textContent = ranges.map(([low, high]) => `${low} to ${high}`).join(" · ");
    told.textContent += shown ? `: ${held} of ${ranges.length} held it` : "";
  };
  entry.addEventListener("keydown", (event) => {
    event.stopPropagation(); // the deck's own keys
    if (event.key === "Escape") entry.blur();
    if (event.key !== "Enter") return;
    const found = entry.value.replaceAll(",", "").match(/^\s*(-?[\d.]+)\s*(?:-|–|to)\s*(-?[\d.]+)\s*$/);
    const range = found?.slice(1).map(Number);
    if (!(range?.[0] <= range?.[1])) return void (told.textContent = "Two numbers, the smaller first, such as 5-20.");
    ranges.push(range);
    entry.value = "";
    tell();
  });
  Reveal.on("fragmentshown", tell);
  Reveal.on("fragmenthidden", tell);
  guess.append(entry, told);
}
