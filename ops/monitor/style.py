"""How the report's page looks. Every text stands out from its ground by 4.5 to 1 or more, in both schemes."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark; --ground: #ffffff; --card: #f3f5f8; --text: #1b2430; --dim: #4d5a6b;
  --bar: #2f6fb2; --line: #d5dbe3; --goal: #a3480b; --met: #1a6b37; --missed: #a51d24; }
@media (prefers-color-scheme: dark) { :root { --ground: #12161c; --card: #1d242d; --text: #e6ebf2; --dim: #a9b5c4;
  --bar: #6aa9e9; --line: #394452; --goal: #f0a25f; --met: #6fd394; --missed: #ff9a9a; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text);
  font: 16px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 880px; margin: 0 auto; padding: 16px; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.05rem; margin: 0 0 8px; }
p { margin: 4px 0; color: var(--dim); } section, figure { margin: 24px 0; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; }
.card { background: var(--card); border-left: 4px solid var(--line); border-radius: 6px; padding: 12px; }
.card h2 { font-size: 0.9rem; font-weight: 600; margin: 0; } .card p { font-size: 0.85rem; }
.card .value { font-size: 1.5rem; font-weight: 700; color: var(--text); overflow-wrap: anywhere; }
.card.met { border-color: var(--met); } .card.missed { border-color: var(--missed); }
.card.missed .value, .missed { color: var(--missed); }
.missed span { font-weight: 400; font-size: 0.8em; }
table { border-collapse: collapse; width: 100%; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 6px 8px; border-bottom: 1px solid var(--line); }
th:first-child { text-align: left; overflow-wrap: anywhere; } thead th { color: var(--dim); font-weight: 600; }
figcaption { font-weight: 600; margin-bottom: 4px; } svg { width: 100%; height: auto; display: block; }
.bar { fill: var(--bar); } .unknown { fill: var(--dim); } .grid { stroke: var(--line); }
.goal { stroke: var(--goal); stroke-width: 1.5; stroke-dasharray: 6 4; }
.axis { fill: var(--dim); font-size: 12px; }
@media (max-width: 620px) {
  .axis { font-size: 20px; }
  thead { display: none; }
  tr { display: block; padding: 8px 0; border-bottom: 1px solid var(--line); }
  tbody th, td { display: flex; justify-content: space-between; border: 0; padding: 3px 0; }
  td::before { content: attr(data-name); color: var(--dim); text-align: left; }
}
@media print {
  :root { color-scheme: light; --ground: #ffffff; --card: #ffffff; --text: #000000; --dim: #333333; --bar: #444444;
    --line: #999999; --goal: #000000; --met: #000000; --missed: #000000; }
  body { font-size: 11pt; } main { max-width: none; padding: 0; }
  .card { border: 1px solid var(--line); } section, figure, tr { break-inside: avoid; }
}
"""
