// How the search ranks what it found: titles that hold the words, then the glossary; solutions last.
var Scorer = {
  score: ([docname, title, , , score]) => {
    const asked = (new URLSearchParams(location.search).get("q") || "").trim().toLowerCase();
    const titled = asked && title.toLowerCase().includes(asked) ? 40 : 0;
    return score + titled + (docname === "glossary" ? 20 : 0) - (docname.includes("/solutions/") ? 100 : 0);
  },
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
