// How the search ranks what it found: chapters and glossary before solutions.
var Scorer = {
  score: ([docname, , , , score]) => (docname.includes("/solutions/") ? score - 100 : score),
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
