"""How the timeline looks: on a light or dark screen, on a phone, and on paper."""

STYLE = """
:root { color-scheme: light dark;
  --paper: #ffffff; --ink: #1c2430; --soft: #525d6c; --line: #d3d9e1; --panel: #f5f7f9;
  --good: #14633a; --bad: #a3231d; --wait: #7a4b00; --calm: #274c9b; --theirs: #eceff4;
  --badpanel: #fdf1f0; --track: #b6c0cc; }
@media (prefers-color-scheme: dark) { :root {
  --paper: #12161c; --ink: #e4e9f0; --soft: #a5b0be; --line: #333c48; --panel: #1a2029;
  --good: #7fd3a0; --bad: #ff9d94; --wait: #f0bf6a; --calm: #9dbcff; --theirs: #262e39;
  --badpanel: #2b1b1c; --track: #4a5565; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
body > header, main, body > footer { max-width: 76rem; margin: 0 auto; padding: 0 1.5rem; }
body > header { padding-top: 2.5rem; }
body > footer { padding-bottom: 3rem; margin-top: 3rem; border-top: 1px solid var(--line);
  color: var(--soft); font-size: .9rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .5rem; letter-spacing: -.01em; }
h2 { font-size: 1.35rem; margin: 2.5rem 0 .75rem; padding-bottom: .35rem;
  border-bottom: 1px solid var(--line); }
h3 { font-size: 1.1rem; margin: 0; overflow-wrap: anywhere; }
h4 { font-size: .95rem; margin: 1.25rem 0 .5rem; }
p { margin: .4rem 0; max-width: 50rem; }
a { color: var(--calm); }
a:focus-visible, summary:focus-visible, .wide:focus-visible {
  outline: 3px solid var(--calm); outline-offset: 2px; }
.lead { color: var(--soft); font-size: 1.05rem; }
dl { margin: .75rem 0; display: grid; gap: .3rem 1.5rem;
  grid-template-columns: repeat(auto-fill, minmax(21rem, 1fr)); }
dl > div { display: grid; grid-template-columns: 8.5rem 1fr; gap: .75rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; min-width: 0; }
code, pre, .theirs, .hash { font-family: ui-monospace, "SF Mono", Menlo, Consolas,
  "DejaVu Sans Mono", monospace; font-size: .86em; unicode-bidi: isolate; }
pre { margin: .5rem 0; padding: .75rem 1rem; background: var(--panel); color: var(--ink);
  border: 1px solid var(--line); border-radius: 6px; white-space: pre-wrap;
  overflow-wrap: anywhere; tab-size: 4; line-height: 1.5; }
pre.command { border-left: 4px solid var(--calm); }
.theirs { background: var(--theirs); border-radius: 4px; padding: .05rem .3rem;
  overflow-wrap: anywhere; box-decoration-break: clone; -webkit-box-decoration-break: clone; }
.hash, .place { color: var(--soft); overflow-wrap: anywhere; }
.place { font-size: .8rem; margin: .2rem 0 0; }
.quote { margin: .5rem 0; border-left: 4px solid var(--track); padding-left: 1rem; }
.quote > p:first-child { color: var(--soft); font-size: .85rem; margin: 0; }
.warn { color: var(--wait); font-style: normal; font-weight: 600; }
.badge { font-weight: 600; font-size: .85rem; border: 1px solid currentColor; border-radius: 4px;
  padding: .05rem .4rem; white-space: nowrap; }
.good { color: var(--good); } .bad { color: var(--bad); } .wait { color: var(--wait); }
.plain { color: var(--soft); }
.wide { overflow-x: auto; margin: .75rem 0; border: 1px solid var(--line); border-radius: 6px; }
table { border-collapse: collapse; width: 100%; font-size: .88rem; }
th, td { text-align: left; vertical-align: top; padding: .45rem .7rem;
  border-bottom: 1px solid var(--line); min-width: 4.5rem; max-width: 22rem;
  overflow-wrap: break-word; }
td .theirs { overflow-wrap: break-word; }
thead th { background: var(--panel); color: var(--soft); font-weight: 600; }
tbody th { font-weight: 400; min-width: 9rem; } tbody tr:last-child > * { border-bottom: 0; }
article { border: 1px solid var(--line); border-radius: 10px; padding: 1.25rem 1.5rem;
  margin: 1.5rem 0; }
.title { display: flex; flex-wrap: wrap; gap: .5rem .75rem; align-items: baseline; }
ol.line { list-style: none; margin: 1rem 0 0; padding: 0; }
ol.line > li { display: grid; grid-template-columns: 9.5rem 1fr; gap: 1.75rem;
  position: relative; padding-bottom: 1.25rem; }
ol.line > li::before { content: ""; position: absolute; left: 10.2rem; top: .45rem; width: .7rem;
  height: .7rem; border-radius: 50%; background: var(--calm); z-index: 1; }
ol.line > li::after { content: ""; position: absolute; left: 10.5rem; top: .5rem; bottom: -.5rem;
  width: 2px; background: var(--track); }
ol.line > li:last-child::after { display: none; }
ol.line > li.refused::before { border-radius: 0; background: var(--bad); transform: rotate(45deg); }
ol.line > li.withheld::before { background: var(--paper); border: 2px solid var(--soft); }
li.refused > .what { background: var(--badpanel); border: 1px solid var(--bad);
  border-radius: 6px; padding: .5rem .9rem; }
.when { text-align: right; font-size: .82rem; color: var(--soft);
  font-variant-numeric: tabular-nums; }
.when time { color: var(--ink); display: block; } .when span { display: block; }
.what { min-width: 0; } .what > p:first-child { margin-top: 0; }
.rule { border-left: 4px solid var(--track); padding-left: 1rem; margin: .75rem 0; }
details { margin: .35rem 0; }
summary { cursor: pointer; color: var(--calm); overflow-wrap: anywhere; }
details > summary { width: fit-content; max-width: 100%; }
@media screen and (max-width: 48rem) {
  body > header, main, body > footer { padding-left: 1rem; padding-right: 1rem; }
  article { padding: 1rem; } dl { grid-template-columns: 1fr; }
  dl > div { grid-template-columns: 7rem 1fr; }
  ol.line > li { grid-template-columns: 1fr; gap: .25rem; padding-left: 1.5rem; }
  ol.line > li::before { left: 0; } ol.line > li::after { left: .3rem; }
  .when { text-align: left; } .when time, .when span { display: inline; margin-right: .75rem; } }
@media print {
  :root { color-scheme: light; --paper: #fff; --ink: #000; --soft: #444; --line: #bbb;
    --panel: #fff; --good: #0b4d2a; --bad: #8a1610; --wait: #5f3a00; --calm: #000;
    --theirs: #f0f0f0; --badpanel: #fff; --track: #999; }
  @page { margin: 14mm; }
  body { font-size: 9.5pt; } body > header, main, body > footer { max-width: none; padding: 0; }
  h2, h3, h4, summary { break-after: avoid; } tr, .rule { break-inside: avoid; }
  .wide { overflow: visible; border: 0; } table { font-size: 7pt; }
  .badge { font-size: .95em; padding: 0 .2rem; } .when { font-size: 8pt; }
  th, td, tbody th { padding: .2rem .3rem; min-width: 0; overflow-wrap: anywhere; }
  article { border-width: 0 0 1px; border-radius: 0; padding: 0 0 1rem; }
  details.why::details-content { content-visibility: visible; block-size: auto; }
  a { text-decoration: none; } }
"""
"""The one style sheet of the page, which loads nothing."""
