"use strict";
// The list of tracks: thousands of rows in memory, a screenful in the document.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = Object.fromEntries(data.columns.map((name, index) => [name, index]));
  const text = (row, column) => data.texts[row[at[column]]];
  const signals = Object.keys(data.signals);
  const $ = (id) => document.getElementById(id);
  const ROW = 36, SPARE = 12, PRINTED = 1000, SILENT = -1000;

  const number = (value, digits, unit = "") =>
    value === null ? "–" : value <= SILENT ? "−∞" + unit
      : value.toFixed(digits).replace("-", "−") + unit;
  const clock = (seconds) => {
    const s = Math.round(seconds), two = (n) => String(n).padStart(2, "0");
    const minutes = Math.floor(s / 60) % 60, hours = Math.floor(s / 3600);
    return hours ? `${hours}:${two(minutes)}:${two(s % 60)}` : `${minutes}:${two(s % 60)}`;
  };
  const counted = (n) => `${n.toLocaleString("en")} ${n === 1 ? "track" : "tracks"}`;
  const cut = (row) => row[at.source].lastIndexOf("/") + 1;
  const file = (row) => row[at.source].slice(cut(row));
  const folder = (row) => row[at.source].slice(0, Math.max(cut(row) - 1, 0));
  const speed = (row) => (row[at.wall_s] ? row[at.audio_s] / row[at.wall_s] : null);
  const given = (row) => signals.filter((_, index) => row[at.signals] & (1 << index));
  const element = (tag, attributes = {}, ...children) => {
    const made = tag === "svg" || tag === "rect"
      ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  };
  const bar = (row) => {
    if (row[at.drums] === null) return "–";
    const label = data.targets.map((t) => `${t} ${Math.round(100 * row[at[t]])} %`).join(", ");
    const drawn = element("svg", {
      class: "shares", viewBox: "0 0 100 6", preserveAspectRatio: "none", role: "img", "aria-label": label,
    });
    let x = 0;
    for (const target of data.targets) {
      const width = 100 * row[at[target]];
      drawn.append(element("rect", { class: `part ${target}`, x, width, height: 6 }));
      x += width;
    }
    const cell = element("span", { title: label });
    cell.append(drawn);
    return cell;
  };
  const name = (row) => {
    const button = element("button", { type: "button", title: row[at.source] }, element("bdi", {}, file(row)));
    if (folder(row)) button.append(element("span", { class: "folder" }, "  ", element("bdi", {}, folder(row))));
    return button;
  };

  // Columns of the table: key to sort by, width, what a cell shows.
  const failed = (row) => row[at.is_failed] === 1;
  const columns = [
    { id: "source", title: "Track", width: "29%", key: (r) => file(r).toLowerCase(), show: name, kind: "name", isText: true },
    { id: "genre", title: "Genre", width: "8%", key: (r) => text(r, "genre"), show: (r) => text(r, "genre"), isText: true },
    { id: "audio_s", title: "Length", width: "6.5%", key: (r) => r[at.audio_s], show: (r) => (r[at.audio_s] ? clock(r[at.audio_s]) : "–"), kind: "n" },
    { id: "vocals", title: "Stems", width: "10%", key: (r) => r[at.vocals], show: bar, hint: "Share of each stem in the power; sorts by vocals" },
    { id: "null_db", title: "Null", width: "7%", key: (r) => r[at.null_db], show: (r) => number(r[at.null_db], 0, " dB"), kind: "n", hint: "Mixture minus the sum of the stems, RMS" },
    { id: "lufs", title: "Loudness", width: "8%", key: (r) => r[at.lufs], show: (r) => number(r[at.lufs], 1), kind: "n", hint: "LUFS, of the mixture" },
    { id: "peak_db", title: "Peak", width: "6.5%", key: (r) => r[at.peak_db], show: (r) => number(r[at.peak_db], 1), kind: "n", hint: "dB, of all streams" },
    { id: "cutoff_hz", title: "Cut-off", width: "7.5%", key: (r) => r[at.cutoff_hz], show: (r) => (r[at.cutoff_hz] === null ? "–" : (r[at.cutoff_hz] / 1000).toFixed(1) + " kHz"), kind: "n" },
    { id: "speed", title: "Speed", width: "6.5%", key: speed, show: (r) => number(speed(r), 1, " ×"), kind: "n" },
    { id: "signals", title: "Signals", width: "11%", key: (r) => given(r).length, show: (r) => { const cell = element("span", { title: given(r).join(", ") }); cell.append(...given(r).map((s) => element("span", { class: "chip" }, s))); return cell; } },
  ];

  const fold = (value) => value.normalize("NFC").toLowerCase(); // Macs store é as two characters
  const all = data.rows.map((row) => ({
    row,
    hay: fold([row[at.source], text(row, "genre"), text(row, "model"), text(row, "reason"), text(row, "message"), text(row, "stage"), ...given(row)].join("\n")),
  }));
  let shown = all, sort = { id: "", down: false }, opened = -1, isPrinting = false;
  const scroll = $("scroll"), body = $("body"), table = $("table");

  const heads = columns.map((column) => {
    const button = element("button", { type: "button" }, column.title);
    if (column.hint) button.title = column.hint;
    const head = element("th", { scope: "col", "aria-sort": "none", class: column.kind === "n" ? "n" : "" }, button);
    head.style.width = column.width;
    button.addEventListener("click", () => sortBy(column.id));
    return head;
  });
  $("heads").append(...heads);

  const sortBy = (id) => {
    const column = columns.find((each) => each.id === id);
    sort = { id, down: sort.id === id ? !sort.down : !column.isText };
    heads.forEach((head, index) =>
      head.setAttribute("aria-sort", columns[index].id !== id ? "none" : sort.down ? "descending" : "ascending"));
    order();
    scroll.scrollTop = 0;
    draw(true);
  };
  const collator = new Intl.Collator(undefined, { numeric: true });
  const order = () => {
    if (!sort.id) return;
    const { key } = columns.find((each) => each.id === sort.id);
    const sign = sort.down ? -1 : 1;
    shown = shown.map((each) => [key(each.row), each]).sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null); // unknown comes last
      return sign * (typeof a === "string" ? collator.compare(a, b) : a - b);
    }).map(([, each]) => each);
  };

  const filter = () => {
    const words = fold($("search").value).split(/\s+/).filter(Boolean);
    const want = (id) => $(id).value;
    const outcome = want("outcome"), genre = want("genre"), model = want("model"), signal = want("signal");
    const bit = signal ? 1 << signals.indexOf(signal) : 0;
    shown = all.filter(({ row, hay }) =>
      (outcome === "" || row[at.is_failed] === Number(outcome)) &&
      (genre === "" || `=${text(row, "genre")}` === genre) &&
      (model === "" || `=${text(row, "model")}` === model) &&
      (!bit || row[at.signals] & bit) &&
      words.every((word) => hay.includes(word)));
    document.querySelectorAll(".signal").forEach((each) =>
      each.setAttribute("aria-pressed", String(each.dataset.signal === signal)));
    order();
    scroll.scrollTop = 0;
    $("count").textContent = shown.length === all.length ? counted(all.length)
      : `${shown.length.toLocaleString("en")} of ${counted(all.length)}`;
    draw(true);
  };

  const rowElement = (index) => {
    const { row } = shown[index];
    const made = element("tr", { "aria-rowindex": index + 2, "data-index": index });
    if (failed(row)) made.className = "failed";
    const cells = failed(row)
      ? [columns[0], columns[1], columns[2]] : columns;
    for (const column of cells) made.append(element("td", { class: column.kind ?? "" }, column.show(row)));
    if (failed(row)) {
      const reason = `${text(row, "stage")}: ${text(row, "message").split("\n")[0] || text(row, "error")}`;
      made.append(element("td", { class: "wide", colspan: columns.length - 3, title: reason }, reason));
    }
    return made;
  };
  const gap = (height) => {
    const cell = element("td", { colspan: columns.length });
    cell.style.height = `${height}px`;
    return element("tr", { class: "gap", "aria-hidden": "true" }, cell);
  };

  let drawn = [-1, -1];
  const draw = (isForced = false) => {
    const height = scroll.clientHeight || 600;
    const first = isPrinting ? 0 : Math.max(0, Math.floor(scroll.scrollTop / ROW) - SPARE);
    const last = isPrinting ? Math.min(shown.length, PRINTED)
      : Math.min(shown.length, Math.ceil((scroll.scrollTop + height) / ROW) + SPARE);
    if (!isForced && first === drawn[0] && last === drawn[1]) return;
    const focused = body.contains(document.activeElement) ? Number(document.activeElement.closest("tr").dataset.index) : -1;
    drawn = [first, last];
    table.setAttribute("aria-rowcount", shown.length + 1);
    scroll.classList.toggle("short", shown.length * ROW < 500);
    const rows = Array.from({ length: last - first }, (_, i) => rowElement(first + i));
    if (!shown.length) rows.push(element("tr", {}, element("td", { colspan: columns.length, class: "none" }, "No track is like that.")));
    body.replaceChildren(...(first ? [gap(first * ROW)] : []), ...rows, ...(last < shown.length ? [gap((shown.length - last) * ROW)] : []));
    if (focused >= 0) button(focused)?.focus({ preventScroll: true });
  };
  const button = (index) => body.querySelector(`tr[data-index="${index}"] button`);
  const focusRow = (index) => {
    if (index < 0 || index >= shown.length) return;
    const top = index * ROW, head = $("heads").offsetHeight;
    if (top < scroll.scrollTop) scroll.scrollTop = top;
    if (top + ROW + head > scroll.scrollTop + scroll.clientHeight) scroll.scrollTop = top + ROW + head - scroll.clientHeight;
    draw();
    button(index)?.focus({ preventScroll: true });
  };

  const facts = (row) => {
    const list = element("dl");
    const add = (term, value) => { if (value) list.append(element("dt", {}, term), element("dd", {}, value)); };
    add("Folder", folder(row));
    add("Genre", text(row, "genre") + (row[at.sure] === null ? "" : ` (sure to ${Math.round(100 * row[at.sure])} %)`));
    add("Why", text(row, "reason"));
    add("Model", text(row, "model"));
    add("Length", row[at.audio_s] ? clock(row[at.audio_s]) : "");
    if (!failed(row)) {
      add("Stem file", row[at.output]);
      add("Moved from", text(row, "moved_from"));
      add("Null depth", number(row[at.null_db], 1, " dB"));
      add("Loudness", number(row[at.lufs], 1, " LUFS"));
      add("Peak", number(row[at.peak_db], 1, " dB"));
      add("At full scale", row[at.clipped] === null ? "" : `${row[at.clipped].toLocaleString("en")} samples in a million`);
      add("Cut-off", row[at.cutoff_hz] === null ? "none found" : `${(row[at.cutoff_hz] / 1000).toFixed(1)} kHz`);
      add("Restored", row[at.restored_hz] === null ? "" : `from ${(row[at.restored_hz] / 1000).toFixed(1)} kHz up`);
      add("Nearly silent", text(row, "silent"));
      add("Speed", number(speed(row), 1, " × real time"));
    }
    add("Ended", row[at.ended_at] ? new Date(1000 * row[at.ended_at]).toLocaleString() : "");
    add("Run", text(row, "run"));
    add("Machine", text(row, "node"));
    return list;
  };
  const open = (index) => {
    opened = index;
    const { row } = shown[index];
    $("detail-name").textContent = file(row);
    const parts = [];
    if (failed(row)) parts.push(element("p", { class: "badge bad" }, `failed: ${text(row, "stage")}`), element("pre", {}, text(row, "message") || text(row, "error")));
    if (row[at.drums] !== null) {
      const stems = element("div", { class: "stems" });
      for (const target of data.targets) {
        const meter = element("svg", { viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": "true" });
        meter.append(element("rect", { class: `part ${target}`, width: 100 * row[at[target]], height: 6 }));
        stems.append(element("span", {}, target), meter, element("span", { class: "n" }, `${(100 * row[at[target]]).toFixed(1)} %`));
      }
      parts.push(stems);
    }
    parts.push(facts(row));
    for (const signal of given(row)) parts.push(element("p", {}, element("span", { class: "chip" }, signal), data.signals[signal]));
    if (row[at.warnings].length) parts.push(element("pre", {}, row[at.warnings].map((place) => data.texts[place]).join("\n")));
    $("detail-body").replaceChildren(...parts);
    $("before").disabled = index === 0;
    $("after").disabled = index === shown.length - 1;
    if (!$("detail").open) $("detail").showModal();
    reach();
  };

  // What scrolls takes the focus, so that the arrow keys scroll it; what does not is passed by Tab.
  const reach = () => document.querySelectorAll(".sideways, .command code, #detail-body pre").forEach((each) => {
    if (each.scrollWidth > each.clientWidth || each.scrollHeight > each.clientHeight) each.tabIndex = 0;
    else each.removeAttribute("tabindex");
  });

  scroll.addEventListener("scroll", () => draw(), { passive: true });
  window.addEventListener("resize", () => { draw(); reach(); });
  body.addEventListener("click", (event) => {
    const row = event.target.closest("tr[data-index]");
    if (row) open(Number(row.dataset.index));
  });
  body.addEventListener("keydown", (event) => {
    const index = Number(event.target.closest("tr")?.dataset.index);
    const page = Math.max(1, Math.floor(scroll.clientHeight / ROW) - 2);
    const to = { ArrowDown: index + 1, ArrowUp: index - 1, PageDown: Math.min(index + page, shown.length - 1), PageUp: Math.max(index - page, 0), Home: 0, End: shown.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    focusRow(to);
  });
  $("before").addEventListener("click", () => open(opened - 1));
  $("after").addEventListener("click", () => open(opened + 1));
  $("close").addEventListener("click", () => $("detail").close());
  $("detail").addEventListener("click", (event) => { if (event.target === $("detail")) $("detail").close(); });
  $("detail").addEventListener("close", () => focusRow(opened));

  const choices = (id, column) => {
    const counts = new Map();
    for (const { row } of all) counts.set(text(row, column), (counts.get(text(row, column)) ?? 0) + 1);
    for (const [value, count] of [...counts].sort((a, b) => b[1] - a[1]))
      $(id).append(element("option", { value: `=${value}` }, `${value || "unknown"} (${count.toLocaleString("en")})`));
  };
  choices("genre", "genre");
  choices("model", "model");
  for (const signal of signals) $("signal").append(element("option", { value: signal }, signal));
  const form = document.querySelector(".tools");
  let waiting = 0;
  $("search").addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(filter, 80); });
  form.addEventListener("change", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(filter));
  document.addEventListener("click", (event) => {
    const { signal, genre } = event.target.closest("button")?.dataset ?? {};
    if (signal === undefined && genre === undefined) return;
    if (signal !== undefined) $("signal").value = $("signal").value === signal ? "" : signal;
    if (genre !== undefined) $("genre").value = `=${genre}`;
    filter();
    $("tracks").scrollIntoView();
  });
  document.querySelectorAll(".copy").forEach((each) => each.addEventListener("click", async () => {
    const code = each.previousElementSibling;
    getSelection().selectAllChildren(code);
    try { await navigator.clipboard.writeText(code.textContent); } catch { document.execCommand("copy"); }
    each.textContent = "Copied";
    setTimeout(() => { each.textContent = "Copy"; }, 1500);
  }));

  // Paper does not scroll: it gets the first rows of what is shown.
  const print = (isOn) => {
    isPrinting = isOn;
    const more = shown.length - PRINTED;
    $("more").textContent = more > 0 ? `and ${more.toLocaleString("en")} more; filter the list to print others` : "";
    draw(true);
  };
  window.addEventListener("beforeprint", () => print(true));
  window.addEventListener("afterprint", () => print(false));
  filter();
  reach();
})();
