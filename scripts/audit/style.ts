/** The style sheet of the audit's page: light and dark, for a phone, the keyboard and paper. */

/** The contrast with the background is at least 4.5 for text and 3 for marks. */
export const style = `
:root {
  color-scheme: light dark;
  --back: #ffffff; --raised: #f3f4f6; --text: #1b1f24; --muted: #4c545e; --rule: #767f8a;
  --good: #1a6b3a; --bad: #b3261e; --focus: #0b57d0; --grid: #d5d9de;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #14171a; --raised: #1f2429; --text: #e8eaed; --muted: #b3bac2; --rule: #8b949e;
    --good: #6fcf97; --bad: #ff8a80; --focus: #8ab4f8; --grid: #3a4149;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--back); color: var(--text);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
header, main { max-width: 80rem; margin: 0 auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 1.5rem 0 0.5rem; }
h2 { font-size: 1.25rem; margin: 2rem 0 0.5rem; }
p, li, td, th, caption, figcaption { overflow-wrap: anywhere; }
p.about, figcaption, caption { color: var(--muted); }
figure { margin: 0; }
figcaption { margin-top: 0.5rem; }
.scroll { overflow-x: auto; border: 1px solid var(--rule); border-radius: 0.4rem; position: relative; }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; }
/* What is read from right to left opens at its right end: the newest. */
.newest { direction: rtl; }
svg { direction: ltr; display: block; width: 100%; min-width: 720px; height: auto; }
svg text { fill: var(--text); font-size: 15px; }
svg .date { fill: var(--muted); text-anchor: middle; }
svg .grid { stroke: var(--grid); }
svg .good { fill: var(--good); }
svg .bad { fill: var(--bad); }
table { border-collapse: collapse; width: 100%; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
caption { text-align: start; padding: 0.5rem; }
th, td { text-align: start; vertical-align: top; padding: 0.4rem 0.5rem; border-top: 1px solid var(--grid); }
tbody th, td.short { white-space: nowrap; overflow-wrap: normal; }
thead th { text-transform: capitalize; background: var(--raised); overflow-wrap: normal; vertical-align: bottom; }
tbody th { position: sticky; inset-inline-start: 0; background: var(--back); font-weight: 600; }
td.notes { min-width: 12rem; }
td ul { margin: 0; padding-inline-start: 1.1rem; }
.fault { color: var(--bad); font-weight: 600; }
summary { cursor: pointer; }
details[open] { min-width: 18rem; white-space: normal; }
.unseen {
  position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap;
}
@media print {
  :root {
    color-scheme: light;
    --back: #ffffff; --raised: #ffffff; --text: #000000; --muted: #333333; --rule: #666666;
    --good: #1a6b3a; --bad: #b3261e; --grid: #bbbbbb;
  }
  .scroll { overflow: visible; border: 0; }
  svg { min-width: 0; }
  tbody th { position: static; }
  th, td { padding: 0.2rem 0.4rem; font-size: 0.75rem; }
  tbody th, td.short { white-space: normal; }
  td.notes { min-width: 0; }
  tr, figure { break-inside: avoid; }
  thead { display: table-header-group; }
  details::details-content { content-visibility: visible; }
}
`;
