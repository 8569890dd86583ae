"""Answers of lesson 35."""

# %% checkpoint="s.instances.four_guess"
predict("s.instances.four_guess", 1.5)

# %% checkpoint="s.instances.config"
two = "instance_group [ { count: 2 kind: KIND_CPU } ]\n"
config_path.write_text(MODEL + two)


# %% checkpoint="s.instances.busy"
def busy(rate_rps, compute_s, instances):
    share = rate_rps * compute_s / instances
    if share > 1.05:
        raise ValueError(f"{share:.2f} is more than all of the time")
    return share


# %% checkpoint="s.instances.bottleneck"
def bottleneck(instances_busy, processors_busy):
    if processors_busy >= 0.85:
        return "processors"
    return "instances" if instances_busy >= 0.85 else "neither"


# %% checkpoint="s.instances.gpus"
paths["one"].write_text("instance_group [ { count: 1 kind: KIND_GPU gpus: [ 0 ] } ]\n")
paths["each"].write_text("instance_group [ { count: 1 kind: KIND_GPU gpus: [ 0, 1 ] } ]\n")
