"""What a notebook shows: HTML for pages, Markdown where there is no HTML, readable on light and dark alike.

Colours are the text's own with less or more opacity, so that nothing has to know which theme is on. Each
piece carries the few lines of style it needs: a page opened from a file, JupyterLab and an exported notebook
look alike.
"""

import base64
import html
from dataclasses import dataclass, field

STYLE = """<style>
.companion{line-height:1.5;font-size:.95em;margin:.6em 0}
.companion-scroll{overflow-x:auto;max-width:100%}
.companion table{border-collapse:collapse;width:auto;margin:0;font-variant-numeric:tabular-nums}
.companion caption{caption-side:top;text-align:left;padding:.2em 0 .4em}
.companion th,.companion td{padding:.35em .7em;text-align:left;vertical-align:top}
.companion thead th{vertical-align:bottom;font-weight:600}
.companion .number{white-space:nowrap}
.companion small{display:block;font-weight:400;opacity:.85}
.companion-note{border-left:.3em solid #b8860b;padding:.4em .8em;background:rgba(184,134,11,.12)}
.companion-strip{border:1px solid rgba(128,128,128,.5);border-radius:.25em;padding:.5em .8em}
.companion-strip dl{display:grid;grid-template-columns:max-content 1fr;gap:.1em .9em;margin:0}
.companion-strip dt{font-weight:600;margin:0}
.companion-strip dd{margin:0;overflow-wrap:anywhere}
.companion-links a{display:inline-block;margin:.2em .9em .2em 0}
.companion-answer{border:2px solid #0072B2;border-radius:.3em;padding:.6em .9em}
.companion-answer ul{margin:0;padding-left:1.1em}
.companion-answer li{margin:.25em 0}
.companion-answer p{margin:.5em 0 0}
.companion-answer li small{display:inline}
.companion-claims{font-size:.9em}
.companion table.companion-rows{font-size:.85em}
.companion .companion-rows small{font-size:.95em}
.companion-claims tbody th{min-width:14em;font-weight:400}
.companion-verdict{border-radius:.25em;padding:0 .35em;white-space:nowrap;color:#fff;background:#595959}
.companion-verdict.holds{background:#00664b}
.companion-verdict.contradicted{background:#9c4400}
.companion-players,.companion-listen{display:flex;flex-wrap:wrap;gap:.6rem 1rem}
.companion-player{width:11rem}
.companion-player audio,.companion-listen audio{width:100%;height:2rem;display:block}
.companion-listen figure{flex:1 1 21rem;max-width:34rem}
.companion-timeline{position:relative}
.companion-timeline i{position:absolute;top:0;bottom:0;left:-1px;width:2px;background:#D55E00}
.companion-fold{margin:.4em 0}
.companion-fold>summary{cursor:pointer;font-weight:600;padding:.2em 0}
.companion pre{white-space:pre-wrap;margin:.4em 0}
.companion figure{margin:0}
.companion img{display:block;width:100%;height:auto;background:#fff;padding:0!important}
.companion figcaption{padding:.4em 0;opacity:.9}
html[data-theme=dark] .bd-content div.cell_output .text_html:has(.companion.companion)
{background:none;color:inherit;padding:0}
@media (max-width:480px){.companion-strip dl{grid-template-columns:1fr}.companion-strip dd{margin:0 0 .3em}}
</style>"""


@dataclass(frozen=True)
class Shown:
    """Something to show, as the last line of a cell.

    Args:
        html: Without the shared style, which is added when it is shown.
        markdown: The same in words, for a terminal or an editor without HTML.
    """

    html: str = field(repr=False)
    markdown: str

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        content = f'{STYLE}\n<div class="companion">{self.html}</div>'
        return {"text/html": content, "text/markdown": self.markdown, "text/plain": self.markdown}

    def __add__(self, other: "Shown") -> "Shown":
        """One below the other."""
        return Shown(f"{self.html}\n{other.html}", f"{self.markdown}\n\n{other.markdown}")


def escape(text: object) -> str:
    """Text safe inside HTML."""
    return html.escape(str(text), quote=True)


def scrolling(content: str, label: str) -> str:
    """Wide content in a region that scrolls sideways, by touch or keyboard, instead of widening the page."""
    named = f'role="region" tabindex="0" aria-label="{escape(label)}"'
    return f'<div class="companion-scroll" {named}>{content}</div>'


def folded(summary: str, content: Shown) -> Shown:
    """Content behind a line that opens it."""
    title = escape(summary)
    return Shown(
        f'<details class="companion-fold"><summary>{title}</summary>{content.html}</details>',
        f"{summary}\n\n{content.markdown}",
    )


def download_link(file: str, content: str, kind: str = "text/csv") -> str:
    """A link that holds the file it offers, so that it works on a page opened from a file."""
    return f'<a download="{escape(file)}" href="{data_uri(content.encode(), kind)}">{escape(file)}</a>'


def notebook_link(page: str) -> str:
    """A link from a page of the book to the executed notebook that the book keeps under ``_sources``."""
    file = page.rpartition("/")[2] + ".ipynb"
    return f'<a download="{escape(file)}" href="{escape(notebook_address(page))}">executed notebook</a>'


def notebook_address(page: str) -> str:
    """Address of a page's executed notebook, relative to the page."""
    return f"{'../' * page.count('/')}_sources/{page}.ipynb"


def data_uri(content: bytes, kind: str) -> str:
    """Content inside its own address, so that a page needs no second file."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
