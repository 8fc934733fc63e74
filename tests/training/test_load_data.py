"""What a run trains on and is validated by."""

import json

from localqa.training.config import TrainConfig
from localqa.training.run import load_data


def test_excluded_contexts_are_in_neither_part(tiny_data, tmp_path):
    """Thresholds are fitted on what is held out: it must not hold the evaluation's texts."""
    records = json.loads(tiny_data.read_text())
    excluded = tmp_path / "evaluation.json"
    excluded.write_text(json.dumps(records[:3]))
    held_back = {record["context"] for record in records[:3]}
    for seed in range(5):
        config = TrainConfig(
            train_data=[str(tiny_data)],
            exclude_data=[str(excluded)],
            output_dir="x",
            validation_size=4,
            seed=seed,
        )
        data = load_data(config)
        assert data.validation
        assert not held_back & {example.context for example in (*data.train, *data.validation)}
