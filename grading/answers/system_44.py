"""Answers of lesson 44."""

# %% checkpoint="s.observe.p95_guess"
predict("s.observe.p95_guess", 1)

# %% checkpoint="s.observe.config"
config = f"""
global:
  scrape_interval: 1s
scrape_configs:
  - job_name: gourmetgram
    static_configs:
      - targets: ["{service.url.removeprefix("http://")}"]
"""
if triton:
    config += f"""
  - job_name: triton
    static_configs:
      - targets: ["{httpx.URL(triton_metrics).netloc.decode()}"]
"""

# %% checkpoint="s.observe.rate"
rate = 'sum(rate(serving_requests_total{path=~"/predict.*"}[5s]))'

# %% checkpoint="s.observe.errors"
errors = (
    'sum(rate(serving_requests_total{path=~"/predict.*", status=~"5.."}[5s]))'
    ' / sum(rate(serving_requests_total{path=~"/predict.*"}[5s]))'
)

# %% checkpoint="s.observe.p95"
p95 = 'histogram_quantile(0.95, sum by (le) (rate(serving_request_seconds_bucket{path=~"/predict.*"}[5s])))'

# %% checkpoint="s.observe.saturation"
saturation = 'sum(rate(serving_stage_seconds_sum{stage="queue"}[5s]))'


# %% checkpoint="s.observe.points"
def points(data, label):
    return {
        one["metric"].get(label, "all"): [[at_s, float(value)] for at_s, value in one["values"] if value != "NaN"]
        for one in data["result"]
    }


# %% checkpoint="s.observe.page"
answer(
    "s.observe.page",
    {
        "page": "error ratio above 1 % for 5 minutes",
        "reason": "Users feel failures, now and in five minutes. A busy processor or a short queue may hurt nobody, "
        "and whoever is woken by one failed request stops looking at alerts.",
    },
)
