# hadolint global ignore=DL3022
# GourmetGram's page and its samples; compose.yaml names the course's folder `course`.
FROM python:3.12-slim-bookworm

# hadolint ignore=DL3013
RUN pip install --no-cache-dir fastapi httpx jinja2 numpy pillow python-multipart uvicorn \
    && useradd --uid 1001 page

WORKDIR /course
COPY --from=course labs labs
COPY --from=course assets/manifest.json assets/
COPY --from=course assets/food11-mini assets/food11-mini
USER 1001
EXPOSE 8000
CMD ["uvicorn", "labs.serve.page.app:app", "--host", "0.0.0.0", "--port", "8000"]
