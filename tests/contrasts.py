"""How well the texts of a page can be read, for tests of all pages."""

CONTRASTS = """() => {
  const luminance = (rgb) => {
    const light = (v) => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
    const [r, g, b] = rgb.map((v) => light(v / 255));
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const [r, g, b, a = 1] = parse(getComputedStyle(e).backgroundColor);
      if (a === 1) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const bad = [];
  for (const e of document.querySelectorAll("body *")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.checkVisibility()) continue;
    if (e.matches("script, option, :disabled, :disabled *")) continue;
    const isSvg = e.closest("svg") !== null;
    const style = getComputedStyle(e);
    const [under, opacity] = [ground(e), Number(style.opacity)];
    const over = parse(isSvg ? style.fill : style.color).slice(0, 3);
    const ink = luminance(over.map((v, i) => opacity * v + (1 - opacity) * under[i]));
    const paper = luminance(under);
    const ratio = (Math.max(ink, paper) + .05) / (Math.min(ink, paper) + .05);
    const what = `${e.tagName}.${e.className} ${ratio.toFixed(2)}: ${e.textContent.slice(0, 30)}`;
    if (ratio < 4.5) bad.push(what);
  }
  return bad;
}"""
"""Texts with less contrast than 4.5 to 1, which WCAG 2.2 asks for (1.4.3)."""
