"""Answers of lesson 32."""

# %% checkpoint="s.http.sixteen_guess"
predict("s.http.sixteen_guess", 2)

# %% checkpoint="s.http.status"
status = {option: reply["status"] for option, reply in nonsense.items()}
counted_as_success = {option: code < 400 for option, code in status.items()}
answer("s.http.status", {"status": status, "success": counted_as_success})

# %% checkpoint="s.http.share"
share = server.infer_s / latency_s
answer("s.http.share", share)

# %% checkpoint="s.http.ratio"
interval = faster.interval
claim = "http-onnx is faster" if interval.low > 1 else "http-before is faster" if interval.high < 1 else "cannot tell"
ratio = {"low": interval.low, "high": interval.high, "claim": claim}
answer("s.http.ratio", ratio)

# %% checkpoint="s.http.bounded"
made, before = drowned["http-bounded"], drowned["http-before"]
bounded = {"refused": made.load.error_rate, "p95_s": made.percentile(95), "before_p95_s": before.percentile(95)}
answer("s.http.bounded", {**bounded, "phone": "it knows at once"})
