"""Answers of lesson 39."""

# %% checkpoint="s.ray.cold_guess"
predict("s.ray.cold_guess", 50)

# %% checkpoint="s.ray.app"
folder = programs_dir() / "ray"
folder.mkdir(exist_ok=True)
app_path = folder / "app.py"
app_path.write_text('''"""Classifies images in batches: a gateway, a step that decodes, and the model."""

import numpy as np
import onnxruntime as ort
from fastapi import FastAPI, HTTPException, Request
from ray import serve

from labs.data.preprocess import ImageDecodeError, load_image, to_input

api = FastAPI()


@serve.deployment
class Preprocess:
    def __call__(self, image: bytes) -> np.ndarray:
        return to_input(load_image(image))


@serve.deployment
class Classifier:
    def __init__(self, model: str):
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    @serve.batch(max_batch_size=8, batch_wait_timeout_s=0.005)
    async def __call__(self, tensors: list[np.ndarray]) -> list[int]:
        logits = self.session.run(None, {"input": np.stack(tensors)})[0]
        return logits.argmax(axis=1).tolist()


@serve.deployment
@serve.ingress(api)
class Gateway:
    def __init__(self, preprocess, classifier):
        self.preprocess, self.classifier = preprocess, classifier

    @api.post("/predict/raw")
    async def predict(self, request: Request) -> dict:
        try:
            tensor = await self.preprocess.remote(await request.body())
        except ImageDecodeError as error:
            raise HTTPException(422, "This is no image.") from error
        return {"class": await self.classifier.remote(tensor)}


def build(args):
    return Gateway.bind(Preprocess.bind(), Classifier.bind(args["model"]))
''')

# %% checkpoint="s.ray.config"
onnx_path = run_with_progress(lambda report: fp32_model(on_progress=report), "The float32 model")
config_path = folder / "food.yaml"
config_path.write_text(f"""proxy_location: HeadOnly
http_options: {{host: 127.0.0.1, port: {cluster.port}}}
applications:
  - name: food
    route_prefix: /food
    import_path: app:build
    args: {{model: {onnx_path}}}
    deployments:
      - name: Gateway
        ray_actor_options: {{num_cpus: 0.1}}
      - name: Preprocess
        ray_actor_options: {{num_cpus: 0.1}}
      - name: Classifier
        ray_actor_options: {{num_cpus: 0.5}}
        autoscaling_config:
          min_replicas: 1
          max_replicas: 3
          target_ongoing_requests: 2
          metrics_interval_s: 0.5
          look_back_period_s: 4
          upscale_delay_s: 1
          downscale_delay_s: 10
          downscale_to_zero_delay_s: 3
""")


# %% checkpoint="s.ray.replicas"
def replicas_needed(rate_rps, service_s, target_ongoing):
    return max(1, int(np.ceil(rate_rps * service_s / target_ongoing)))


# %% checkpoint="s.ray.cold_share"
def cold_share(mean_gap_s, idle_s):
    return float(np.exp(-idle_s / mean_gap_s))
