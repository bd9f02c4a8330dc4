/* Tables that are sorted by their headings and filtered by a text. */
"use strict";

/* Compare two cells; what has no number comes last, whichever way it is sorted. */
function order(a, b, down) {
  const none = value => value === null || value === undefined || value === "" || Number.isNaN(value);
  if (none(a) || none(b)) return none(a) - none(b);
  if (typeof a === "string" || typeof b === "string")
    return (down ? -1 : 1) * String(a).localeCompare(String(b), undefined, {numeric: true});
  return a === b ? 0 : (down ? -1 : 1) * (a < b ? -1 : 1);
}

function sortable(table) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const before = head.getAttribute("aria-sort");
    const first = head.querySelector("button").dataset.better === "higher";
    const down = before ? before === "ascending" : first;
    heads.forEach(other => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const value = row => {
      const text = row.cells[column].dataset.v;
      return column && text !== "" && !Number.isNaN(Number(text)) ? Number(text) : text;
    };
    for (const part of table.tBodies)
      part.append(...[...part.rows].sort((a, b) => order(value(a), value(b), down)));
  }));
}

function filtered(input) {
  const table = document.getElementById(input.dataset.filters);
  input.addEventListener("input", () => {
    const wanted = input.value.trim().toLowerCase();
    for (const part of table.tBodies)
      for (const row of part.rows)
        row.hidden = !row.cells[0].textContent.toLowerCase().includes(wanted);
  });
}

document.querySelectorAll("table.sortable").forEach(sortable);
document.querySelectorAll("input[data-filters]").forEach(filtered);
