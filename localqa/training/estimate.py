"""--dry_run: what a run would cost, measured on a few of its own batches."""

import statistics
import time

from localqa.training.config import RunConfig
from localqa.training.loop import Features, make_optimizer, make_plan, train_step
from localqa.training.report import peak_memory_mb
from localqa.training.trainee import Trainee

_WARM_UP = 2
_MEASURED = 5


def print_estimate(config: RunConfig, trainee: Trainee, features: Features) -> None:
    """Run the longest batch and a few others, and print memory, steps and time of the whole run."""
    plan = make_plan(config, features)
    optimizer = make_optimizer(config, trainee)
    trainee.model.train()
    longest = sorted(features, key=lambda feature: -len(feature))[: config.batch_size]
    samples = [
        [features[i] for i in batches[0]] for batches in plan.order.steps(0, min(plan.total_steps, _MEASURED))
    ]
    seconds: list[float] = []
    # The learning rate is 0: the weights stay as they are.
    for batch in [longest] * _WARM_UP + samples:
        began = time.perf_counter()
        train_step(config, trainee, optimizer, [batch], 0.0)
        seconds.append((time.perf_counter() - began) / len(batch))
    # Padded lengths differ from batch to batch, so the mean over a few is what predicts a long run.
    per_feature = statistics.mean(seconds[_WARM_UP:])
    minutes = per_feature * plan.order.count(plan.total_steps) / 60
    print(f"memory: about {peak_memory_mb() / 1000:.1f} GB at the longest batch")
    rate = f"{1 / per_feature:.0f} {trainee.unit}/s"
    print(f"time: about {minutes:.0f} minutes at {rate}, evaluations not counted")
