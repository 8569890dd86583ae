# ---
# jupyter:
#   lesson:
#     title: Publish the course on Trovi
#     summary: pack the student's files, look at them as Trovi will, publish
#     part: 9
#     number: "90"
#     minutes: 20
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
# JupyterLab with its files, already signed in. So publishing is deciding what is in that folder. This page packs it,
# looks at it as Trovi will, and publishes it, or says what it would do.
#
# A terminal does the same: `python -m provisioning trovi build`, `… validate`, `… publish`.

# %%
import json
import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path

from provisioning.archive import student_files
from provisioning.lab import ROOT
from provisioning.trovi import crate, package
from provisioning.trovi.client import BASE_URL, TroviClient

# %% [markdown]
# ## What students get
#
# The archive is an *allow-list*: a file that nobody has named stays at home. Answers, tests, hidden checks and this
# page are not on it, and a file that holds a private key or an answer stops the packing.

# %%
files = student_files(ROOT)
Counter(name.split("/")[0] for name in files)

# %%
[name for name in files if "answers" in name or name.startswith(("tests/", "notebooks/instructor/"))]

# %% [markdown]
# Chameleon's Jupyter has half a core, 1 GB of memory and 512 MB of storage, and it installs a `requirements.txt` at
# each start. So the archive gets a light one, made from `pyproject.toml`: what reserving, provisioning and rehearsing
# need, the course itself, so that every notebook can import it, and no torch. Everything heavy is installed on the
# leased machines.

# %%
print(package.light_requirements(ROOT / "pyproject.toml"))

# %%
folder = Path(tempfile.mkdtemp(prefix="trovi-"))
archive = package.build(ROOT, folder / "model-serving-labs.tar.gz")
print(f"{len(archive.files)} files, {archive.size_bytes / 1e6:.0f} MB")
print(f"packed {archive.path.stat().st_size / 1e6:.0f} MB, sha256 {archive.sha256}")

# %% [markdown]
# The same tree gives the same bytes, so the digest tells you whether anything has changed since the last version.
#
# ## What Trovi reads
#
# `trovi.json` at the root describes the course: an RO-Crate with a title, a line, a page, tags and authors. Trovi has
# limits for each. It answers some mistakes with "200 OK" and the error in the body, so they are looked for here
# first.

# %%
package.problems(ROOT)

# %% [markdown]
# As the course comes to you, one line stands there: **the author is a placeholder**. The people on the page should be
# those who answer the mail, so put yourself and your university into `trovi.json`, in the entity `#author-1`. Here is
# what that changes, in a copy that is thrown away:

# %%
document = crate.read(ROOT / crate.FILE_NAME)
author = next(entity for entity in document["@graph"] if entity["@id"] == "#author-1")
author |= {"name": "Ada Lovelace", "email": "ada@uni.edu", "affiliation": "University of Somewhere"}
crate.problems(document)

# %% [markdown]
# ## Publish
#
# There are two ways.
#
# - **Upload** this archive. The version is exactly these bytes, and it can be given a DOI.
# - **Import** from GitHub. Trovi pins the newest commit of a repository, so it gets all that is in it: publish a
#   repository for students, and never this one, which holds the answers. Such a version gets no DOI.
#
# What is published never changes. An update is a new *version* of the same artifact, so keep the artifact's
# identifier.
#
# A token is needed. On Chameleon's Jupyter the course takes it from your session (`OS_ACCESS_TOKEN`); elsewhere set
# `TROVI_TOKEN`. Without one, this cell only says what it would do.

# %%
token, url = os.environ.get("TROVI_TOKEN"), os.environ.get("TROVI_URL", BASE_URL)
if token:
    client = TroviClient(token, url)
    published = client.create(document, client.store(archive.path))
    print(f"private artifact {published.artifact_id}, version {published.version}, {published.url}")
else:
    root = next(entity for entity in document["@graph"] if entity["@id"] == "./")
    print(f"Dry run, no token: {archive.path.name} would be uploaded to {url}, and a private artifact made:")
    print(json.dumps({"title": root["name"], "tags": root["keywords"], "author": author["name"]}, indent=2))

# %% [markdown]
# A new artifact is *private*. Open its page, launch it yourself, run lesson 01 there, and only then make it public
# and send the link. For the next version: `python -m provisioning trovi publish --artifact IDENTIFIER`.

# %%
shutil.rmtree(folder)
