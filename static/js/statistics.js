// Draws each figure's chart from the table below it: the table is the data, the chart adds nothing that it does not say.
// Hides: echarts. Series differ by pattern as well as by colour, and every bar bears its number.

const WIDE = 8; // more rows than this are drawn as lying bars
const FOLDED = 12; // a longer table is folded once its chart stands above it
const PHONE = 480; // pixels: on a narrower page every table is folded
const ROW = 30; // pixels of a lying bar with its gap

/** Colours of the page's own tokens, so that the care version and paper change with them. */
function palette(shape) {
  const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const series = shape === "stacked" ? ["--star", "--action", "--ink-2", "--done"] : ["--action", "--done", "--star"];
  return { series: series.map(token), ink: token("--ink"), line: token("--line") };
}

/** What a table says: names of the rows, and of each drawn column its name and numbers (null where there is none). */
function read(table) {
  const heads = [...table.querySelectorAll("thead th")];
  const rows = [...table.querySelectorAll("tbody tr")];
  const names = rows.map((row) => row.cells[0].textContent.trim());
  const series = heads.flatMap((head, place) => {
    if (!("drawn" in head.dataset)) return [];
    const numbers = rows.map((row) => row.cells[place].dataset.value ?? "");
    return [{ name: head.textContent.trim(), data: numbers.map((text) => (text === "" ? null : Number(text))) }];
  });
  return { names, series };
}

function options({ names, series }, shape, lying, width) {
  const { series: colours, ink, line } = palette(shape);
  const stacked = shape === "stacked";
  const text = { color: ink, fontFamily: getComputedStyle(document.body).fontFamily, fontSize: 13 };
  const names_ = {
    type: "category", data: names, inverse: lying, axisTick: { show: false }, axisLine: { lineStyle: { color: line } },
    axisLabel: { ...text, interval: 0, hideOverlap: !lying, width: lying ? Math.min(width * 0.4, 220) : undefined, overflow: "truncate" },
  };
  const numbers = { type: "value", minInterval: 1, axisLabel: text, splitLine: { lineStyle: { color: line } } };
  return {
    animation: false,
    color: colours,
    textStyle: text,
    aria: { enabled: true, label: { enabled: false }, decal: { show: series.length > 1 } },
    legend: series.length > 1 ? { top: 0, left: 0, textStyle: text, selectedMode: false } : undefined,
    grid: { top: series.length > 1 ? 36 : 12, left: 4, right: 40, bottom: 4, containLabel: true },
    xAxis: lying ? numbers : names_,
    yAxis: lying ? names_ : numbers,
    series: series.map((one) => ({
      type: "bar", name: one.name, data: one.data, barMaxWidth: 28, stack: stacked ? "all" : undefined, silent: true,
      label: {
        show: true, position: stacked ? "inside" : lying ? "right" : "top", fontSize: 12,
        ...(stacked ? { color: "#fff", textBorderColor: "inherit", textBorderWidth: 4 } : { color: ink }),
        formatter: ({ value }) => (value ? String(value) : ""),
      },
    })),
  };
}

function draw(figure) {
  const place = figure.querySelector(".chart");
  const twin = figure.querySelector("details.twin");
  const found = read(twin.querySelector("table"));
  if (!found.series.some((one) => one.data.some((number) => number))) return;
  place.hidden = false;
  const shape = figure.dataset.chart;
  let chart = null;

  function paint() {
    const width = place.clientWidth;
    const lying = found.names.length > WIDE || width < 420 || found.names.some((name) => name.length > 8);
    const bars = shape === "stacked" ? 1 : found.series.length;
    const height = lying ? found.names.length * (bars > 1 ? 18 * bars + 12 : ROW) + 72 : 280;
    place.style.height = `${height}px`;
    chart ??= window.echarts.init(place, null, { renderer: "svg", width, height });
    chart.resize({ width, height });
    chart.setOption(options(found, shape, lying, width), true);
  }

  paint();
  if (found.names.length > FOLDED || innerWidth < PHONE) twin.open = false;
  let painted = place.clientWidth;
  new ResizeObserver(() => {
    if (place.clientWidth === painted) return;
    painted = place.clientWidth;
    paint();
  }).observe(figure);
}

if (window.echarts) document.querySelectorAll("figure[data-chart]").forEach(draw);
