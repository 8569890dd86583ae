# hadolint global ignore=DL3022
# The app of *Serve over HTTP* with the two given files beside it; compose.yaml names their folder `app`.
FROM python:3.12-slim-bookworm

# What rarely changes comes first: an app that is edited is copied again, and nothing is installed again.
ARG ONNXRUNTIME=onnxruntime>=1.23
# hadolint ignore=DL3013,SC2086
RUN pip install --no-cache-dir fastapi fastapi-offline numpy pillow pydantic uvicorn $ONNXRUNTIME \
    && useradd --uid 1001 service

WORKDIR /app
COPY --from=app --chmod=644 app.py classifier.py intake.py ./
USER 1001
EXPOSE 8000
CMD ["uvicorn", "app:app", "--host", "0.0.0.0", "--port", "8000"]
