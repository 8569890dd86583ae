# ---
# jupyter:
#   lesson:
#     title: Publish the course on Trovi
#     summary: pack the student's files, look at them as Trovi will, publish
#     part: 9
#     id: publish
#     kind: guide
#     where: [hub]
#     needs: []
#     ports: []
# ---

# %% [markdown]
# # Publish the course on Trovi
#
# *For instructors. Nothing here is graded, and none of it reaches students.*
#
# Trovi is Chameleon's shelf of experiments. Whoever opens the course there and presses *Launch on Chameleon* gets a
# JupyterLab with its files, already signed in. So publishing is deciding what is in that folder. This page packs it and
# looks at it as Trovi will; the rest is a push and a button.
#
# A terminal does the same: `python -m provisioning trovi build`, `… template`.

# %%
import json
import tempfile
from collections import Counter
from pathlib import Path

from labs.workspace import PROJECT_DIR
from provisioning.node.archive import light_requirements, pack, student_files

# %% [markdown]
# ## What students get
#
# The archive is an *allow-list*: a file that nobody has named stays at home. Answers, tests, hidden checks and this
# page are not on it, and a file that holds a private key or an answer stops the packing.

# %%
files = student_files(PROJECT_DIR)
Counter(name.split("/")[0] for name in files)

# %%
[
    name
    for name in files
    if "answers" in name or name.startswith(("tests/", "notebooks/instructor/"))
]

# %% [markdown]
# Chameleon's Jupyter has one core and 1 GB of memory, as its documentation says, and it installs a `requirements.txt`
# at each start. So the archive gets a light one, made from `pyproject.toml`: what reserving, provisioning and
# rehearsing need, the course itself, so that every notebook can import it, and no torch. Everything heavy is installed
# on the leased machines.

# %%
print(light_requirements(PROJECT_DIR / "pyproject.toml"))

# %%
with tempfile.TemporaryDirectory() as folder:
    archive = pack(PROJECT_DIR, Path(folder, "model-serving-labs.tar.gz"))
    print(
        f"{len(archive.files)} files, packed {archive.path.stat().st_size / 1e6:.0f} MB, sha256 {archive.sha256}"
    )

# %% [markdown]
# The same tree gives the same bytes, so the digest tells you whether anything has changed since the last version.
#
# ## What Trovi reads
#
# `trovi.json` at the root describes the course: an RO-Crate with a title (`name`, 140 characters at most), a line
# (`disambiguatingDescription`, 200), a page (`description`, 5000), tags (`keywords`, one text with commas), a list of
# authors, and in `actionApplication` what the launch button starts. Trovi answers some mistakes with "200 OK" and the
# error in the body, so read what the import says.
#
# As the course comes to you, **the author is a placeholder**. The people on the page should be those who answer the
# mail, so put yourself and your university into `trovi.json`, in the entity `#author-1`:

# %%
document = json.loads((PROJECT_DIR / "trovi.json").read_text())
next(entity for entity in document["@graph"] if entity["@id"] == "#author-1")

# %% [markdown]
# ## Publish
#
# Trovi imports a repository from GitHub, and takes *all* that is in it, so never give it this one, which holds the
# answers. Write the students' repository, and push it:
#
# ```
# python -m provisioning trovi template ../course-for-students -m "First version"
# git -C ../course-for-students push https://github.com/YOU/course-for-students main
# ```
#
# Then sign in at [trovi.chameleoncloud.org](https://trovi.chameleoncloud.org), choose the import from GitHub, and give
# it the repository's address. What is published never changes: Trovi pins the commit, and each update is a push and an
# import as the next *version* of the same artifact. A version that comes from git gets no DOI; who needs one uploads
# the archive of `python -m provisioning trovi build --flat` instead.
#
# Keep a new artifact private at first. Open its page, launch it yourself, run *Reserve a machine* there, and only then
# make it public and send the link.
