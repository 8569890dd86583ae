"""Sphinx's settings for the site; ``grading/builder/site.py`` (``make site``) puts the pages beside
this file.
"""

import re
from importlib.metadata import version as version_of

from docutils.nodes import SkipNode, math_block
from docutils.utils.math.latex2mathml import tex2mathml

project, release = "Model serving labs", version_of("model-serving-labs")
project_copyright = "The model serving labs authors; MIT, drawings by their own licences"
extensions = ["myst_nb", "sphinx.ext.autosummary", "sphinx.ext.napoleon"]
exclude_patterns, templates_path = ["README.md", "menus"], ["templates"]  # parts of other pages
nb_execution_mode = "off"
nb_code_prompt_show, nb_code_prompt_hide = "Show the code", "Hide it again"
myst_enable_extensions, myst_heading_anchors = ["dollarmath"], 3
# A docstring's `name` is code, as in Markdown; what others' packages call a type has no page here.
default_role, nitpick_ignore_regex = "code", [("py:.*", ".*")]
autosummary_ignore_module_all, autodoc_member_order, add_module_names = False, "bysource", False
autodoc_preserve_defaults = True
html_theme, html_title = "pydata_sphinx_theme", project
html_static_path, html_css_files = ["static"], ["theme.css", "site.css"]
html_js_files, html_extra_path = ["predict.js"], ["extra"]  # lessons to download, README's film
html_favicon = "static/mark.svg"
html_copy_source, html_show_sourcelink, html_math_renderer = False, False, "mathml"
html_sidebars = {page: [] for page in ("index", "adopters", "CHANGELOG", "search", "genindex")}
html_theme_options = {
    "logo": {"text": project, "image_light": "static/mark.svg", "image_dark": "static/mark.svg"},
    "navbar_align": "left",
    "footer_end": [],
    "article_header_end": ["lesson-links.html"],
}


def name_lesson(app, pagename, templatename, context, doctree):
    """Tell a lesson's page where its notebook is, to be downloaded, opened or read."""
    is_lesson = re.search(r"/\d\d_\w+$", pagename) and pagename.startswith("notebooks/")
    context["notebook"] = f"{pagename}.ipynb" if is_lesson else ""


def setup(app):
    """Write formulas as MathML, which browsers draw without anybody's script."""

    def visit(writer, node):
        writer.body.append(tex2mathml(node.astext(), as_block=isinstance(node, math_block)))
        raise SkipNode

    app.connect("html-page-context", name_lesson)
    app.add_html_math_renderer("mathml", (visit, None), (visit, None))
    return {"parallel_read_safe": True}
