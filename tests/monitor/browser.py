"""A page in headless Chromium: what it measures there, what it asked for, and what its console says.

The page is shown in a frame of a given width inside a page of ours, whose script measures it: the page itself may
hold no script, and needs none.
"""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

LIGHT, DARK = 1, 0  # Blink's own numbers
MEASURE = """
<!doctype html><meta charset="utf-8"><body style="margin:0"><iframe id="f" src="/page"
 style="border:0;width:%(width)dpx;height:6000px"></iframe><pre id="out"></pre><script>
function numbers(c) { const m = c.match(/[\\d.]+/g).map(Number); return m.length < 4 ? [...m, 1] : m; }
function light(c) { const [r, g, b] = c.slice(0, 3).map(v => { v /= 255;
  return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; }
function ground(e) { for (; e; e = e.parentElement) { const c = numbers(getComputedStyle(e).backgroundColor);
  if (c[3] > 0) return c; } return [255, 255, 255, 1]; }
const frame = document.getElementById("f");
frame.onload = () => {
  const doc = frame.contentDocument, low = [], wide = [];
  let texts = 0;
  const walk = doc.createTreeWalker(doc.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || ["TITLE", "STYLE"].includes(e.tagName) || !e.getClientRects().length) continue;
    texts++;
    const style = getComputedStyle(e), svg = e.namespaceURI.includes("svg");
    const a = light(numbers(svg ? style.fill : style.color)), b = light(ground(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) low.push(walk.currentNode.data.trim() + " " + ratio.toFixed(2));
    if (e.getBoundingClientRect().right > %(width)d + 0.5) wide.push(walk.currentNode.data.trim());
  }
  document.getElementById("out").textContent = JSON.stringify({texts, low, wide,
    scroll: doc.documentElement.scrollWidth, charts: doc.querySelectorAll("svg").length,
    height: Math.ceil(doc.querySelector('main').getBoundingClientRect().bottom),
    ground: getComputedStyle(doc.body).backgroundColor});
};
</script></body>
"""


@dataclass(frozen=True)
class Shown:
    """What was seen of a page: what its text measures, addresses asked for, and lines of the console."""

    measured: dict[str, Any]
    asked: list[str]
    console: list[str]


def chromium() -> str | None:
    """Where Chromium is on this machine."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def show(program: str, page: str, folder: Path, *, width: int, scheme: int = LIGHT) -> Shown:
    """Load the page at a width in pixels and measure it."""
    with _Served({"/page": page, "/": MEASURE % {"width": width}}) as served:
        log = folder / "net.json"
        done = _run(
            program, folder, "--dump-dom", f"--log-net-log={log}", "--virtual-time-budget=5000",
            f"--blink-settings=preferredColorScheme={scheme}", f"{served.url}/",
        )  # fmt: skip
        found = re.search(r'<pre id="out">(.*?)</pre>', done.stdout, re.DOTALL)
        assert found, done.stderr[-2000:]
        asked = _asked(log, served.url)
        console = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
        return Shown(json.loads(html.unescape(found[1])), sorted(asked), console)


def picture(program: str, page: str, folder: Path, to: Path, *, width: int, height: int, scheme: int = LIGHT) -> None:
    """A screenshot of the page in a frame of that width."""
    frame = (
        f'<!doctype html><body style="margin:0"><iframe src="/page" style="border:0;width:{width}px;height:{height}px">'
    )
    with _Served({"/page": page, "/": frame}) as served:
        _run(
            program, folder, f"--screenshot={to}", f"--window-size={max(width, 500)},{height}", "--hide-scrollbars",
            f"--blink-settings=preferredColorScheme={scheme}", f"{served.url}/",
        )  # fmt: skip


def printed(program: str, page: str, folder: Path, to: Path) -> None:
    """The page on paper, as PDF."""
    with _Served({"/": page}) as served:
        _run(program, folder, f"--print-to-pdf={to}", "--no-pdf-header-footer", f"{served.url}/")


def _run(program: str, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [
        program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--enable-logging=stderr",
        f"--user-data-dir={folder / 'profile'}", *options,
    ]  # fmt: skip
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=True)


def _asked(log: Path, base: str) -> set[str]:
    """What the pages asked for, by the browser's own record; what it asks on its own account has no page's origin."""
    asked = set()
    for event in json.loads(log.read_text(errors="replace"))["events"]:
        told = event.get("params", {})
        url, initiator = str(told.get("url", "")), str(told.get("initiator", ""))
        if "://" in url and (url.startswith(base) or initiator.startswith(base)):
            asked.add(url.removeprefix(base))
    return asked


class _Served:
    """Pages on a free port of loopback; everything else is 404."""

    def __init__(self, pages: dict[str, str]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = pages.get(self.path, "").encode()
                self.send_response(200 if body else 404)
                self.send_header("content-type", "text/html; charset=utf-8")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> _Served:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
