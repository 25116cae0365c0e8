for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const head = button.closest("th"), table = head.closest("table"), body = table.tBodies[0];
    const first = head.dataset.first || "ascending";
    const other = first === "ascending" ? "descending" : "ascending";
    const way = head.getAttribute("aria-sort") === first ? other : first;
    for (const th of head.parentNode.cells) th.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", way);
    const value = row => {
      const cell = row.cells[head.cellIndex];
      return "v" in cell.dataset ? Number(cell.dataset.v) : cell.textContent;
    };
    const order = (a, b) => typeof a === "number" ? a - b : a.localeCompare(b, undefined, { numeric: true });
    const sign = way === "ascending" ? 1 : -1;
    body.append(...[...body.rows].sort((a, b) => sign * order(value(a), value(b))));
  });
}
