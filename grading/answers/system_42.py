"""Answers of lesson 42."""

# %% checkpoint="s.teams.guess"
predict("s.teams.guess", 10)

# %% checkpoint="s.teams.config"
teams_path = folder / "teams.yaml"
teams_path.write_text(f"""proxy_location: HeadOnly
http_options: {{host: 127.0.0.1, port: {cluster.port}}}
applications:
  - name: menu
    route_prefix: /menu
    import_path: teams:build
    args: {{model: {onnx_path}}}
    deployments:
      - {{name: Food, num_replicas: 2, ray_actor_options: {{num_cpus: 0.5}}}}
  - name: campaign
    route_prefix: /campaign
    import_path: teams:build
    args: {{model: {onnx_path}}}
    deployments:
      - {{name: Food, max_queued_requests: 8, ray_actor_options: {{num_cpus: 0.5}}}}
""")


# %% checkpoint="s.teams.retry"
def retry_delay_s(failed_tries, status):
    if failed_tries >= 5 or (400 <= status < 500 and status != 429):
        return None
    return min(2.0, 0.1 * 2 ** (failed_tries - 1))


# %% checkpoint="s.teams.router"
canary_path = folder / "canary.py"
canary_path.write_text('''"""Sends a share of the requests to a new version."""

import random

from fastapi import FastAPI, Request
from ray import serve
from version import Version

api = FastAPI()
Stable = serve.deployment(name="Stable")(Version)
Canary = serve.deployment(name="Canary")(Version)


@serve.deployment
@serve.ingress(api)
class Router:
    def __init__(self, stable, canary):
        self.versions, self.share = {"stable": stable, "canary": canary}, 0.0

    def reconfigure(self, config: dict):
        self.share = config["share"]

    @api.post("/predict/raw")
    async def predict(self, request: Request) -> dict:
        version = "canary" if random.random() < self.share else "stable"
        return {"class": await self.versions[version].remote(await request.body()), "version": version}


def build(args):
    return Router.bind(Stable.bind(args["model"]), Canary.bind(args["model"], 0.4))
''')


# %% checkpoint="s.teams.canary"
def canary_verdict(stable, canary):
    if canary["requests"] < 20:
        return "wait"
    more_errors = canary["errors"] / canary["requests"] - stable["errors"] / stable["requests"]
    slower = canary["p95_s"] > 1.5 * stable["p95_s"]
    return "roll back" if more_errors > 0.01 or slower else "promote"
