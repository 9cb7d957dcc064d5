// The list of tracks: only the rows that are seen exist, so that 20,000 are as quick as twenty.

const ROW_PX = 52;
const EXTENSION = /\.stem\.(mp4|m4a)$/i;

export class TrackList {
  constructor(box, search, count, onopen) {
    this.box = box;
    this.search = search;
    this.count = count;
    this.onopen = onopen;
    this.space = document.createElement("div");
    this.space.className = "space";
    box.append(this.space);
    this.current = null;
    this.rows = new Map();
    box.addEventListener("scroll", () => this.draw(), { passive: true });
    new ResizeObserver(() => this.draw()).observe(box);
    search.addEventListener("input", () => this.filter());
    search.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && this.found.length) this.onopen(this.found[0]);
      if (event.key === "Escape") {
        search.value = "";
        this.filter();
        search.blur();
      }
    });
    this.space.addEventListener("click", (event) => {
      const row = event.target.closest("[data-number]");
      if (row) this.onopen(Number(row.dataset.number));
    });
  }

  fill(names) {
    this.names = names;
    this.folded = names.map(fold);
    this.filter();
  }

  filter() {
    const words = fold(this.search.value).split(/\s+/).filter(Boolean);
    this.found = [];
    this.folded.forEach((name, number) => {
      if (words.every((word) => name.includes(word))) this.found.push(number);
    });
    const all = this.names.length.toLocaleString("en");
    const some = this.found.length.toLocaleString("en");
    this.count.textContent = words.length ? `${some} of ${all}` : `${all} ${this.names.length === 1 ? "track" : "tracks"}`;
    this.space.style.height = `${this.found.length * ROW_PX}px`;
    this.rows.forEach((row) => row.remove());
    this.rows.clear();
    this.box.scrollTop = 0;
    this.draw();
  }

  // The track before (-1) or after (1) the current one in the list as it is filtered.
  neighbour(step) {
    const at = this.found.indexOf(this.current);
    return this.found[at < 0 ? 0 : at + step] ?? null;
  }

  show(number) {
    this.current = number;
    this.rows.forEach((row, each) => mark(row, this.found[each] === number));
    const at = this.found.indexOf(number);
    if (at < 0) return;
    const top = at * ROW_PX;
    const { scrollTop, clientHeight } = this.box;
    if (top < scrollTop || top + ROW_PX > scrollTop + clientHeight) {
      this.box.scrollTop = top - clientHeight / 2 + ROW_PX / 2;
    }
  }

  draw() {
    if (!this.found) return;
    const first = Math.max(0, Math.floor(this.box.scrollTop / ROW_PX) - 4);
    const last = Math.ceil((this.box.scrollTop + this.box.clientHeight) / ROW_PX) + 4;
    this.rows.forEach((row, at) => {
      if (at < first || at >= last) {
        row.remove();
        this.rows.delete(at);
      }
    });
    // From the last one up, each before the one below it: the Tab key follows this order.
    for (let at = Math.min(last, this.found.length) - 1; at >= first; at--) {
      if (this.rows.has(at)) continue;
      this.rows.set(at, this.space.insertBefore(this.row(at), this.rows.get(at + 1) ?? null));
    }
  }

  row(at) {
    const number = this.found[at];
    const parts = this.names[number].split("/");
    const row = document.createElement("button");
    row.type = "button";
    row.className = "row";
    row.dataset.number = number;
    row.title = this.names[number];
    row.style.top = `${at * ROW_PX}px`;
    row.append(line("name", parts.at(-1).replace(EXTENSION, "")));
    row.append(line("folder", parts.slice(0, -1).join(" / ")));
    mark(row, number === this.current);
    return row;
  }
}

// Macs store é as two characters, keyboards send one.
function fold(text) { return text.normalize("NFC").toLocaleLowerCase(); }

function line(kind, text) {
  const span = document.createElement("span");
  span.className = kind;
  span.dir = "auto"; // what is cut off is the end, also of a name that runs from right to left
  span.textContent = text;
  return span;
}

function mark(row, isCurrent) {
  row.classList.toggle("current", isCurrent);
  row.setAttribute("aria-current", isCurrent ? "true" : "false");
}
