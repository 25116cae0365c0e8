const $ = id => document.getElementById(id);
const slider = $("step"), program = $("program");
const tiles = [...document.querySelectorAll("g.t")].map(node => ({
  node,
  start: Number(node.dataset.s),
  end: Number(node.dataset.e),
  clash: node.classList.contains("clash"),
  programs: node.dataset.p.split(" ").map(range => range.split("-").map(Number)),
}));
const figures = [...document.querySelectorAll("figure[data-from]")];
const texts = [...document.querySelectorAll("#texts li")];
const states = ["now", "held", "past", "next"];

function uses(tile, number) {
  return tile.programs.some(([first, last = first]) => first <= number && number <= last);
}

function draw() {
  const at = Number(slider.value);
  const one = program.value === "" ? -1 : Number(program.value);
  for (const tile of tiles) {
    const { start, end, node } = tile;
    const state = at < start ? "next" : tile.clash || at === start ? "now" : at < end ? "held" : "past";
    node.classList.remove(...states);
    node.classList.add(state);
    node.classList.toggle("off", one >= 0 && !uses(tile, one));
  }
  for (const figure of figures) {
    figure.hidden = at < Number(figure.dataset.from) || at > Number(figure.dataset.to);
    const drawing = figure.querySelector("svg");
    for (const name of [...drawing.classList]) if (name.startsWith("one-")) drawing.classList.remove(name);
    if (one >= 0) drawing.classList.add(`one-${one % 8}`);
  }
  texts.forEach((text, i) => { text.hidden = i !== at; });
  slider.setAttribute("aria-valuetext", texts[at].textContent.replace(/\s+/g, " ").trim());
  $("back").disabled = at === 0;
  $("on").disabled = at === texts.length - 1;
}

function move(by) {
  slider.value = Number(slider.value) + by;
  draw();
}

slider.addEventListener("input", draw);
program.addEventListener("change", draw);
$("back").addEventListener("click", () => move(-1));
$("on").addEventListener("click", () => move(1));
document.addEventListener("keydown", event => {
  if (event.target !== document.body || event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key === "ArrowLeft") move(-1);
  if (event.key === "ArrowRight") move(1);
});
for (const node of document.querySelectorAll(".script")) node.hidden = false;
draw();
