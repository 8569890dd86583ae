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
# *For instructors. Nothing here is graded, and students do not get this page.*
#
# Trovi is Chameleon's collection of experiments. A user who opens the course there and
# presses *Launch on Chameleon* gets a JupyterLab with the course's files, already signed
# in. So to publish means to decide which files are in that folder. This page packs them
# and checks them as Trovi will; then you push a repository and press a button.
#
# You can do the same in a terminal: `python -m provisioning trovi build`, `… template`.

# %%
import json
import tempfile
from collections import Counter
from pathlib import Path

from labs.workspace import PROJECT_DIR
from provisioning.node.archive import light_requirements, pack, student_files

# %% [markdown]
# ## The students' files
#
# The archive is an *allow-list*: it contains only named files. Answers, tests, hidden
# checks and this page are not on the list. If a file contains a private key or an answer,
# packing stops.

# %%
files = student_files(PROJECT_DIR)
Counter(name.split("/")[0] for name in files)

# %%
at_home = ("tests/", "notebooks/instructor/")
[name for name in files if "answers" in name or name.startswith(at_home)]

# %% [markdown]
# Chameleon's Jupyter has one core and 1 GB of memory, as its documentation says, and it
# installs a `requirements.txt` at each start. So the archive gets a light one, made from
# `pyproject.toml`. It contains the packages for reserving, provisioning and rehearsing,
# and the course itself, so that every notebook can import it, but no torch. Everything
# heavy is installed on the leased machines.

# %%
print(light_requirements(PROJECT_DIR / "pyproject.toml"))

# %%
with tempfile.TemporaryDirectory() as folder:
    archive = pack(PROJECT_DIR, Path(folder, "model-serving-labs.tar.gz"))
    packed_mb = archive.path.stat().st_size / 1e6
    print(f"{len(archive.files)} files, packed {packed_mb:.0f} MB")
    print(f"sha256 {archive.sha256}")

# %% [markdown]
# The same tree gives the same bytes, so the digest shows whether anything has changed
# since the last version.
#
# ## The description for Trovi
#
# `trovi.json` at the root describes the course. It is an RO-Crate with these fields:
#
# - a title (`name`, at most 140 characters), a line (`disambiguatingDescription`, 200)
#   and a page (`description`, 5000);
# - tags (`keywords`, one text with commas) and a list of authors;
# - the target of the launch button (`actionApplication`).
#
# Trovi answers some mistakes with "200 OK" and the error in the body, so read the message
# of the import.
#
# In the shipped file, **the author is a placeholder**. The page should name the people
# who answer the mail, so put yourself and your university into `trovi.json`, in the
# entity `#author-1`:

# %%
document = json.loads((PROJECT_DIR / "trovi.json").read_text())
next(entity for entity in document["@graph"] if entity["@id"] == "#author-1")

# %% [markdown]
# ## Publish
#
# Trovi imports a repository from GitHub with *all* of its content. Never give it this
# repository, which contains the answers. Write the students' repository, and push it:
#
# ```
# python -m provisioning trovi template ../course-for-students -m "First version"
# git -C ../course-for-students push https://github.com/YOU/course-for-students main
# ```
#
# Then sign in at [trovi.chameleoncloud.org](https://trovi.chameleoncloud.org), choose the
# import from GitHub, and enter the repository's address. A published version never
# changes: Trovi pins the commit. For each update, push, and import the repository as the
# next *version* of the same artifact. A version from git gets no DOI; if you need one,
# upload the archive of `python -m provisioning trovi build --flat` instead.
#
# Keep a new artifact private at first. Open its page, launch it yourself, and run
# *Reserve a machine* there. Only then make it public and send the link.
