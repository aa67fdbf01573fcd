"""Fine-tune every model of the experiment with DeepSpeed on Ray Train (a Ray job)."""

from clir import experiment, results
from clir.errors import run_job
from ray_app import cluster
from ray_app.training import ray_launcher


def main() -> None:
    settings = experiment.from_command_line(__doc__)
    results.begin(settings)
    with cluster.connected():
        ray_launcher.train(settings)


if __name__ == "__main__":
    run_job(main)
