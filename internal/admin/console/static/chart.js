// Draws the run's mismatch rate, its upper bound and the tolerance. The numbers stand in the page as well.
"use strict";

(() => {
  const place = document.getElementById("chart");
  const caption = document.getElementById("chart-caption");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const height = 200;
  let plot;
  let data = [[], [], [], []];

  const percent = (v) => (v == null ? "" : `${+(v * 100).toPrecision(2)} %`);
  const short = () => data[0].length > 0 && data[0].at(-1) - data[0][0] < 600;
  const clock = (t) => new Date(t * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false, ...(short() && { second: "2-digit" }) });

  function draw() {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    plot?.destroy();
    plot = new uPlot({
      width: place.clientWidth,
      height,
      legend: { show: false },
      cursor: { show: false },
      padding: [8, 30, 0, 0],
      scales: { y: { range: (_, low, high) => [0, Math.max(high * 1.15, 0.001)] } },
      axes: [
        { ...axis, size: 30, space: 90, values: (_, times) => times.map(clock) },
        { ...axis, size: 62, space: 40, values: (_, shares) => shares.map(percent) },
      ],
      series: [
        {},
        { stroke: colour("--accent"), width: 2, fill: colour("--accent") + "14", points: { show: false } },
        { stroke: colour("--new"), width: 2, points: { show: false } },
        { stroke: colour("--fail"), width: 1.5, dash: [6, 5], points: { show: false } },
      ],
    }, data, place);
  }

  async function load() {
    let points;
    try {
      const response = await fetch(place.dataset.history, { headers: { Accept: "application/json" } });
      if (!response.ok) return;
      ({ points } = await response.json());
    } catch {
      return; // the page says that the connection is lost
    }
    if (points.length < 2) {
      caption.textContent = "The chart begins when two points have been measured.";
      return;
    }
    data = [points.map((p) => p.time), points.map((p) => p.mismatch_rate), points.map((p) => p.upper_bound), points.map((p) => p.tolerance)];
    if (plot) plot.setData(data); else draw();
    const last = points[points.length - 1];
    caption.textContent = `Now ${percent(last.mismatch_rate)}, at most ${percent(last.upper_bound)}; ${percent(last.tolerance)} is tolerated. Since ${clock(points[0].time)}.`;
  }

  new ResizeObserver(() => plot?.setSize({ width: place.clientWidth, height })).observe(place);
  dark.addEventListener("change", () => { if (plot) draw(); });
  document.body.addEventListener("poll", load);
  load();
})();
