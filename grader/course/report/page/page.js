"use strict";
const all = (what, within = document) => [...within.querySelectorAll(what)];
const by = id => document.getElementById(id);

// Headings sort their table.
for (const button of all("th button")) {
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

// Filters hide what does not match. The fragment of the address keeps them.
const inputs = { chapter: by("chapter"), assignment: by("assignment"), find: by("find") };
const tables = all(".grid").map(table => ({ table, heads: [...table.tHead.rows[0].cells].slice(1), shown: "" }));

function filter() {
  const chapter = inputs.chapter.value, find = inputs.find.value.trim().toLowerCase();
  const assignment = inputs.assignment ? inputs.assignment.value : "";
  const own = assignment && new Set(inputs.assignment.selectedOptions[0].dataset.koans.split(" "));
  const open = koan => (!chapter || koan.startsWith(chapter + "/")) && (!own || own.has(koan));
  const has = text => !find || text.toLowerCase().includes(find);

  for (const item of all("#mistakes [data-k], #changes [data-k], #koans [data-k]"))
    item.hidden = !(item.dataset.k ? open(item.dataset.k) : !chapter && !own) || !has(item.textContent);
  for (const row of all("#students tbody tr, #changes tbody tr, #points tbody tr")) row.hidden = !has(row.textContent);
  for (const one of all("[data-a]")) one.hidden = assignment !== "" && one.dataset.a !== assignment;
  for (const student of all("#messages details")) {
    const named = has(student.querySelector("summary").textContent);
    const lines = all("li", student);
    for (const line of lines)
      line.hidden = line.dataset.k ? !open(line.dataset.k) || !(named || has(line.textContent)) : !named;
    student.hidden = !named && lines.every(line => line.hidden);
  }
  // In the matrix a name chooses rows. What is no name chooses columns.
  const someone = tables.some(({ table }) => [...table.tBodies[0].rows].some(row => has(row.cells[0].textContent)));
  for (const one of tables) {
    const columns = one.heads.map(head => open(head.dataset.k) && (someone || has(head.dataset.k)));
    const rows = [...one.table.tBodies[0].rows];
    for (const row of rows) row.hidden = someone && !has(row.cells[0].textContent);
    one.table.parentNode.hidden = !columns.includes(true);
    if (one.shown === columns.join()) continue;
    one.shown = columns.join();
    for (const row of [one.table.tHead.rows[0], ...rows]) columns.forEach((on, i) => row.cells[i + 1].hidden = !on);
  }
  if (chapter || own || find) for (const more of all(".more")) more.open = true;
  const tally = (words, what) => `${all(what).filter(one => !one.hidden).length} of ${all(what).length} ${words}`;
  by("shown").textContent = chapter || own || find ? "shown: " + [
    tally("mistakes", "#mistakes li[data-k]"),
    tally("submissions", "#students tbody tr"),
    tally("koans", "#koans tr:not([data-k=''])[data-k]"),
  ].join(", ") : "";
}

// Names are hidden behind numbers. Rows and lists then have the order of the numbers, because the order tells names too.
const people = new Map(all("[data-s]").map(one => [one, one.textContent]));
const titles = new Map(all("th[title]").filter(one => one.querySelector("[data-s]")).map(one => [one, one.title]));
const order = new Map(all("[data-rows]").map(list => [list, [...list.children]]));
const number = one => Number((one.querySelector("[data-s]") || one).dataset.s);

function hide(on) {
  document.body.classList.toggle("anonymous", on);
  for (const [one, name] of people) one.textContent = on ? `student ${one.dataset.s}` : name;
  for (const [one, title] of titles) on ? one.removeAttribute("title") : one.title = title;
  for (const list of on ? all("[data-people]") : []) {
    const own = all("[data-s]", list), numbers = own.map(number).sort((a, b) => a - b);
    own.forEach((one, i) => one.textContent = `student ${numbers[i]}`);
  }
  for (const [list, rows] of order) list.append(...(on ? [...rows].sort((a, b) => number(a) - number(b)) : rows));
  for (const head of all("[aria-sort]")) head.removeAttribute("aria-sort");
}

function read() {
  const kept = new URLSearchParams(location.hash.slice(1));
  for (const [name, input] of Object.entries(inputs)) if (input) {
    input.value = kept.get(name) || "";
    if (input.selectedIndex === -1) input.value = "";
  }
  by("hide").checked = kept.get("names") === "hidden";
  hide(by("hide").checked);
  filter();
}

function keep() {
  const kept = new URLSearchParams();
  for (const [name, input] of Object.entries(inputs)) if (input && input.value) kept.set(name, input.value);
  if (by("hide").checked) kept.set("names", "hidden");
  history.replaceState(null, "", "#" + kept);
}

by("hide").addEventListener("input", () => { hide(by("hide").checked); filter(); keep(); });
for (const input of Object.values(inputs)) if (input) input.addEventListener("input", () => { filter(); keep(); });
by("all").addEventListener("click", () => {
  for (const input of Object.values(inputs)) if (input) input.value = "";
  filter();
  keep();
});
addEventListener("hashchange", read);
by("controls").hidden = false;
read();

// A printed page has no clicks: everything is open.
let closed = [];
addEventListener("beforeprint", () => {
  closed = all("details:not([open])");
  for (const one of closed) one.open = true;
});
addEventListener("afterprint", () => { for (const one of closed) one.open = false; });
