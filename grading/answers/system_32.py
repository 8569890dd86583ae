"""Answers of lesson 32."""

# %% checkpoint="s.http.sixteen_guess"
predict("s.http.sixteen_guess", 2)

# %% checkpoint="s.http.app"
routes = """
class PredictRequest(BaseModel):
    image: str = Field(description="A JPEG, PNG or WebP file, base64-encoded")


class PredictReply(BaseModel):
    prediction: str
    probability: float = Field(ge=0, le=1)


app = FastAPI(title="GourmetGram food classifier")


@app.get("/healthz")
def healthz() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/predict", response_model=PredictReply)
def predict(request: PredictRequest):
    try:
        content = base64.b64decode(request.image, validate=True)
    except ValueError as error:
        raise HTTPException(422, f"image is not base64: {error}") from error
    if len(content) > MOST_BYTES:
        raise HTTPException(413, f"{MOST_BYTES} bytes are the limit")
    try:
        image = Image.open(io.BytesIO(content), formats=("JPEG", "PNG", "WEBP"))
        image.load()
    except (UnidentifiedImageError, OSError) as error:
        raise HTTPException(422, "these bytes are not an image") from error
    prediction, probability = classify(image)
    return PredictReply(prediction=prediction, probability=probability)
"""

# %% checkpoint="s.http.dockerfile"
dockerfile = """
FROM python:3.11-slim
WORKDIR /srv
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY app.py .
USER 1000
EXPOSE 8000
CMD ["uvicorn", "app:app", "--host", "0.0.0.0", "--port", "8000"]
"""

# %% checkpoint="s.http.compose"
compose = """
services:
  classifier:
    build: .
    ports:
      - "127.0.0.1:8000:8000"
    environment:
      MODEL: /models/food11.onnx
    volumes:
      - ./food11.onnx:/models/food11.onnx:ro
    healthcheck:
      test: ["CMD", "python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz')"]
      interval: 10s
      timeout: 3s
    restart: unless-stopped
    mem_limit: 512m
"""

# %% checkpoint="s.http.client"
client = """
import base64
import time

import httpx


def ask(url: str, image: bytes, tries: int = 3) -> dict:
    body = {"image": base64.b64encode(image).decode()}
    for attempt in range(tries):
        reply = httpx.post(url + "/predict", json=body, timeout=5)
        if reply.status_code != 503 or attempt == tries - 1:
            break
        time.sleep(float(reply.headers.get("Retry-After", 1)))
    reply.raise_for_status()
    return reply.json()
"""


# %% checkpoint="s.http.share"
def model_share(header, latency_s):
    parts = dict(part.strip().split(";dur=") for part in header.split(","))
    return float(parts["model"]) / 1000 / latency_s


# %% checkpoint="s.http.idea_guess"
predict("s.http.idea_guess", "http-fp32")

# %% checkpoint="s.http.leave_out"
ratios = {
    option: rate_ratio(crowd, option, "http-all").interval.value
    for option in targets
    if option not in ("http-all", "http-before")
}
cheapest = max(ratios, key=ratios.get)
answer(
    "s.http.leave_out",
    {"option": cheapest, "reason": f"Without it sixteen clients still get {ratios[cheapest]:.2f} times the answers."},
)


# %% checkpoint="s.http.bounded"
def most_waiting(within_s, image_s, instances):
    turns = int(within_s / image_s + 1e-9)
    return max(0, turns - 1) * instances
