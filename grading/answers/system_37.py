"""Answers of lesson 37."""

# %% checkpoint="s.several.slower_guess"
predict("s.several.slower_guess", 1.5)

# %% checkpoint="s.several.cached_guess"
predict("s.several.cached_guess", 5)

# %% checkpoint="s.several.versions"
classifier_config = """
name: "food_classifier_onnx"
backend: "onnxruntime"
max_batch_size: 16
input [ { name: "input" data_type: TYPE_FP32 dims: [ 3, 224, 224 ] } ]
output [ { name: "output" data_type: TYPE_FP32 dims: [ 11 ] } ]
instance_group [ { count: 1 kind: KIND_CPU } ]
version_policy: { specific { versions: [ 1, 2 ] } }
"""
(classifier / "config.pbtxt").write_text(classifier_config)

# %% checkpoint="s.several.shares"
claim = "put to use" if low > 1 else "in each other's way" if high < 1 else "cannot tell"
sharing = {"claim": claim, "reason": "They share processors, caches and memory, but neither a queue nor an instance."}
answer("s.several.shares", sharing)

# %% checkpoint="s.several.cache"
cached_config = PALETTE_CONFIG + "response_cache { enable: true }\n"
(palette / "config.pbtxt").write_text(cached_config)


# %% checkpoint="s.several.rate"
def answers_per_s(hit_share, hit_s, miss_s):
    return 1 / (hit_share * hit_s + (1 - hit_share) * miss_s)
