# NVIDIA's server with the packages that the lessons' Python models import; everything else they bring along.
# containers.sh chooses the base from images.txt by the machine's GPUs and passes it with its digest. The context is the
# folder above, `node`.
ARG BASE
FROM ${BASE}
ARG BASE
LABEL org.opencontainers.image.base.name="${BASE}"

# A class's mirror of PyPI (labs/sites/mirrors.toml); empty is PyPI itself.
ARG PIP_INDEX_URL
# Newer bases guard the system's Python against pip; this image has no other.
ENV PIP_BREAK_SYSTEM_PACKAGES=1
# The backend of 24.10 wants numpy below 2. cu126 is the last CUDA with Pascal kernels in torch; its index is not PyPI,
# so it has a range and no hashes.
COPY triton/requirements.txt p100/torch.txt /tmp/
RUN pip install --no-cache-dir --require-hashes --requirement /tmp/requirements.txt \
    && pip install --no-cache-dir "numpy<2" --requirement /tmp/torch.txt
