"""How Sphinx makes the site: nothing it needs is loaded from elsewhere, and a warning fails the build."""

project = "LLM gateway"
html_title = "LLM gateway"
extensions = ["myst_parser"]
root_doc = "index"
html_theme = "furo"
html_show_sphinx = False
html_copy_source = False
html_show_copyright = False
# A browser lets no page from a disk fetch the others to quote from them.
html_show_search_summary = False
html_static_path = ["static"]
html_css_files = ["wide.css"]
nitpicky = True
# Anchors as a forge makes them, so that the same link works there and here.
myst_heading_anchors = 4
