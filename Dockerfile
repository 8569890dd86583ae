# An image for a JupyterHub: the course, its environment, and a single-user server that opens the front page.
#   docker build --tag model-serving-labs .
# Results and notebooks live on the volume that the Hub mounts at /home/student; the course itself stays in the image.
# A new image brings new lessons, and never overwrites a notebook that is there.
FROM python:3.12-slim-bookworm

# A compiler for torch.compile in the lessons, and what sets up a laptop too.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ git make \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/course
COPY . .
# What a deep dive alone needs lies in its lesson's folder; here as students have it.
RUN for module in notebooks/source/*/deeper/*/*/__init__.py; do \
      [ ! -f "$module" ] || mv "${module%/*}" labs/deeper/; \
    done; \
    rm -rf notebooks/source
# hadolint ignore=DL3013
RUN make PYTHON=python3 setup \
    && .venv/bin/python -m pip install --no-cache-dir --constraint constraints.txt jupyterhub \
    && rm -rf /root/.cache \
    && useradd --create-home --uid 1000 student \
    && mv notebooks /opt/notebooks \
    && ln -s /home/student/notebooks notebooks

# What `msl lab` says on its command line, where the Hub starts the server.
RUN mkdir -p /etc/jupyter && printf '%s\n' \
    '{"ServerApp": {"root_dir": "/opt/course", "jpserver_extensions": {"provisioning.front.server": true}},' \
    ' "FileContentsManager": {"preferred_dir": "notebooks"},' \
    ' "LabApp": {"app_settings_dir": "/opt/course/provisioning/front/settings",' \
    '            "extra_labextensions_path": ["/opt/course/provisioning/front/labextensions"]}}' \
    > /etc/jupyter/jupyter_server_config.json

ENV PATH="/opt/course/.venv/bin:${PATH}" SERVING_LABS_WORKSPACE=/home/student/workspace
USER 1000
EXPOSE 8888
CMD ["sh", "-c", "cp -R -n -T /opt/notebooks /home/student/notebooks && exec jupyterhub-singleuser"]
